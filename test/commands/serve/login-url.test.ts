import { expect, test } from 'vitest';
import { loginUrl } from '../../../commands/serve/login-url.ts';
import { newAuthority } from '../../fakes/certificates.ts';
import { serverProcess } from '../../fakes/server.ts';
import { newHome } from '../../run.ts';

test.each([
  ['127.0.0.1', '127.0.0.1', 'http://127.0.0.1:8787'],
  ['keys.internal', '10.0.0.7', 'http://keys.internal:8787'],
  ['0.0.0.0', '0.0.0.0', 'http://127.0.0.1:8787'],
  ['::', '::', 'http://[::1]:8787'],
])('a service that listens on %s is one to log in to at an address that answers', (host, address, url) => {
  expect(loginUrl(host, { address, port: 8787 }, null)).toBe(url);
});

test.each([
  ['127.0.0.1', 'DNS:keys.example.com,IP:127.0.0.1', 'https://127.0.0.1:8443'],
  ['127.0.0.1', 'DNS:keys.example.com', 'https://keys.example.com:8443'],
  ['0.0.0.0', 'DNS:*.example.com,DNS:keys.example.com', 'https://keys.example.com:8443'],
  ['::', 'IP:203.0.113.7', 'https://203.0.113.7:8443'],
  ['0.0.0.0', 'DNS:*.example.com', 'https://127.0.0.1:8443'],
])('with TLS on %s and a certificate for %s it is a name that the certificate has', (host, names, url) => {
  const { cert } = newAuthority().issue(names);
  expect(loginUrl(host, { address: host, port: 8443 }, { cert: cert.toString() })).toBe(url);
});

test('the login that the first start of keys serve tells of works when it is typed', async () => {
  const authority = newAuthority();
  const { certFile, keyFile } = authority.issue('DNS:localhost');
  const { secret, stderr } = await serverProcess(['--tls-cert-file', certFile, '--tls-key-file', keyFile]);
  const [, told = ''] = /Log in with it: keys (.*)\n/.exec(stderr()) ?? [];
  const line = `${told} --store none --with-token --ca-file ${authority.certFile}`;
  expect(await newHome().keys(line, { stdin: secret })).toMatchObject({
    code: 0,
    stderr: expect.stringContaining('logged in to https://localhost:'),
  });
});
