import { expect, test } from 'vitest';
import { runPage } from './page.ts';
import { newShell } from './shell.ts';

test('docs/audit.md does what it says, as written', async () => {
  const { code, stdout, stderr } = await runPage(newShell(), 'audit.md');
  expect({ code, stderr }).toMatchObject({ code: 0, stderr: expect.stringContaining('broken at row 2') });
  expect(stdout.trim().split('\n')).toEqual([
    '[5,"ci-deploy","verify","refused","disabled"]',
    '[4,null,"disable","done",null]',
    '[3,"ci-deploy","verify","done",null]',
    '[2,null,"acknowledge","done",null]',
    '[1,null,"create","done",null]',
    '["seq","time","actor","agent","action","target","outcome","address","requestId","details","hash"]',
    '1',
    '5 rows, none of them changed',
    '[true,5,null]',
    '6 rows, none of them changed, in agreement with 2 checkpoints',
    '1\tcreate',
    '2\tacknowledge',
    '6 rows, none of them changed, in agreement with 3 checkpoints',
    'the last row is that of the last checkpoint',
  ]);
});
