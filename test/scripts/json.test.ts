import { expect, test } from 'vitest';
import { runPage } from './page.ts';
import { newShell } from './shell.ts';

test('docs/json.md does what it says, as written', async () => {
  const { code, stdout, stderr } = await runPage(newShell(), 'json.md');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout.trim().split('\n')).toEqual([
    '[["key","secret","destinations"],["stdout"]]',
    '[null,1]',
    '{"created":false,"secret":null}',
    '["id","name","description","namespace","owner","type","roles","permissions","apiVersion","status","prefix",' +
      '"lastFour","createdAt","createdBy","expiresAt","lastUsedAt","rotatedAt","labels","rateLimit","recoverable","version"]',
    '[]',
    '{"command":"rotate","profile":"local","key":"ci-deploy","state":"delivering","destinations":["exec:false"],"next":"find out where the secret has arrived, then deliver it again"}',
    '{"name":"ci-deploy","ok":true,"error":null}',
    '{"name":"reports","ok":true,"code":null}',
    '{"name":"no-such-key","ok":false,"code":"not_found"}',
    'partly_failed',
    '["not_found",null]',
    '{"valid":false,"reason":"unknown","key":null}',
    '{"valid":false,"reason":"disabled","key":"reports"}',
    'reports',
    'ci-deploy',
    '["reports"]',
  ]);
});
