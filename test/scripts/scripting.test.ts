import { expect, test } from 'vitest';
import { runPage } from './page.ts';
import { newShell } from './shell.ts';

test('docs/scripting.md does what it says, as written', async () => {
  const { code, stdout, stderr } = await runPage(newShell(), 'scripting.md', { env: { USER: 'nobody' } });
  expect(stderr).toBe('keys: 1 key found\n');
  expect(code).toBe(0);
  const said = stdout.split('\n');
  expect(said).toContain('first run: minted');
  expect(said).toContain('second run: there already');
  expect(said).toContain('expiring soon: short-lived');
  expect(said).toContain('{"name":"reports","ok":true}');
  expect(said).toContain('no-such-key: not_found');
  expect(said).toContain('1 of 2 keys could not be revoked');
  expect(said).toContain('not there');
});
