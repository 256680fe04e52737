import { expect, test } from 'vitest';
import { runPage } from './page.ts';
import { newShell } from './shell.ts';

test('docs/audit.md does what it says, as written', async () => {
  const { code, stdout, stderr } = await runPage(newShell(), 'audit.md');
  expect({ code, stderr }).toMatchObject({ code: 0, stderr: expect.stringContaining('broken at row 2') });
  expect(stdout.trim().split('\n')).toEqual([
    '[6,"ci-deploy","verify","refused","disabled"]',
    '[5,null,"disable","done",null]',
    '[4,"ci-deploy","verify","done",null]',
    '[3,null,"acknowledge","done",null]',
    '[2,null,"create","done",null]',
    '[1,null,"user.create","done",null]',
    '["seq","time","actor","agent","action","target","outcome","address","requestId","details","hash"]',
    '1',
    '6 rows, none of them changed',
    '[true,6,null]',
    '7 rows, none of them changed, in agreement with 2 checkpoints',
    '1\tuser.create',
    '2\tcreate',
    '7 rows, none of them changed, in agreement with 3 checkpoints',
    'the last row is that of the last checkpoint',
  ]);
});
