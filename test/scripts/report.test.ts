import { expect, test } from 'vitest';
import { runPage } from './page.ts';
import { newShell } from './shell.ts';

test('docs/report.md does what it says, as written', async () => {
  const { code, stdout, stderr } = await runPage(newShell(), 'report.md');
  expect({ code, stderr }).toEqual({
    code: 0,
    stderr: ['2 findings on 2 of 3 keys', '1 finding on 1 of 3 keys', '1 finding on 1 of 3 keys', ''].join(
      '\n',
    ),
  });
  expect(stdout.trim().split('\n')).toEqual([
    '{"finding":"no-expiry","name":"old-import"}',
    '{"finding":"broad","name":"ci-deploy"}',
    'dashboards',
    '{"name":"old-import","ok":true}',
    'expiring: dashboards',
  ]);
});
