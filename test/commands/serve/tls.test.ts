/** `keys serve` with a certificate of its own, as the built command. */
import { copyFileSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { text } from 'node:stream/consumers';
import { connect, type DetailedPeerCertificate } from 'node:tls';
import { expect, onTestFinished, test, vi } from 'vitest';
import { newAuthority, type Pair } from '../../fakes/certificates.ts';
import { serverProcess } from '../../fakes/server.ts';
import { newHome } from '../../run.ts';

const names = 'IP:127.0.0.1';

async function tlsProcess(validity?: { from?: string; until?: string }) {
  const authority = newAuthority();
  const inUse = authority.issue(names, validity);
  const put = ({ certFile, keyFile }: Pair) => {
    copyFileSync(certFile, inUse.certFile);
    copyFileSync(keyFile, inUse.keyFile);
  };
  const server = await serverProcess(['--tls-cert-file', inUse.certFile, '--tls-key-file', inUse.keyFile]);
  const { port } = new URL(server.url);
  const serial = () =>
    new Promise<string>((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port: Number(port), ca: authority.cert }, () => {
        resolve((socket.getPeerCertificate() as DetailedPeerCertificate).serialNumber);
        socket.destroy();
      }).on('error', reject);
    });
  return { authority, inUse, put, server, serial };
}

function ask(url: string, agent: Agent): Promise<{ status?: number; reused: boolean; body: string }> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { agent }, async (response) =>
      resolve({ status: response.statusCode, reused: sent.reusedSocket, body: await text(response) }),
    );
    sent.on('error', reject).end();
  });
}

test('SIGHUP brings a new certificate to new connections, and open ones go on', async () => {
  const { authority, put, server, serial } = await tlsProcess();
  expect(server.url).toMatch(/^https:/);
  expect(server.stderr()).toContain('"certificateExpiresAt":"2099-12-31T00:00:00.000Z"');
  const agent = new Agent({ keepAlive: true, maxSockets: 1, ca: authority.cert });
  onTestFinished(() => agent.destroy());
  expect(await ask(`${server.url}/healthz`, agent)).toMatchObject({ status: 200, reused: false });
  const before = await serial();
  put(authority.issue(names));
  server.child.kill('SIGHUP');
  await vi.waitFor(() => expect(server.stderr()).toContain('certificate read again'));
  expect(await serial()).not.toBe(before);
  expect(await ask(`${server.url}/healthz`, agent)).toMatchObject({ status: 200, reused: true });
  expect(await server.stop()).toBe(0);
});

test('a certificate that cannot be used changes nothing, and the log says so', async () => {
  const { inUse, server, serial } = await tlsProcess();
  const before = await serial();
  writeFileSync(inUse.certFile, 'no certificate');
  server.child.kill('SIGHUP');
  await vi.waitFor(() => expect(server.stderr()).toContain('the one before is still in use'));
  expect(await serial()).toBe(before);
  expect(await server.stop()).toBe(0);
});

test.each([
  ['has expired', { from: '20200101000000Z', until: '20210101000000Z' }],
  ['is not valid yet', { from: '20980101000000Z' }],
])('the log warns of a certificate that %s, at the start and after SIGHUP', async (trouble, validity) => {
  const { authority, put, server } = await tlsProcess(validity);
  const warned = () => server.stderr().split(`the certificate ${trouble}: clients refuse it`).length - 1;
  await vi.waitFor(() => expect(warned()).toBe(1));
  server.child.kill('SIGHUP');
  await vi.waitFor(() => expect(warned()).toBe(2));
  put(authority.issue(names));
  server.child.kill('SIGHUP');
  await vi.waitFor(() => expect(server.stderr()).toContain('2099-12-31'));
  expect(await server.stop()).toBe(0);
  expect(warned()).toBe(2);
});

test('without TLS, SIGHUP ends the service as SIGTERM does', async () => {
  const server = await serverProcess();
  expect(await server.stop('SIGHUP')).toBe(0);
});

test('a certificate without its key, or with the key of another, exits 2 and names the files', async () => {
  const authority = newAuthority();
  const [one, other] = [authority.issue(names), authority.issue(names)];
  for (const [cert, key, said] of [
    [one.certFile, other.keyFile, 'make no TLS certificate'],
    [one.certFile, '/no/such/key.pem', 'cannot read /no/such/key.pem: ENOENT'],
    [one.keyFile, one.keyFile, 'make no TLS certificate'],
  ] as const) {
    const argv = `serve --listen 127.0.0.1:0 --tls-cert-file ${cert} --tls-key-file ${key}`;
    const { code, stderr } = await newHome().keys(argv);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(said) });
  }
  for (const option of [`--tls-cert-file ${one.certFile}`, `--tls-key-file ${one.keyFile}`]) {
    const { code, stderr } = await newHome().keys(`serve --listen 127.0.0.1:0 ${option}`);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('both a certificate and') });
  }
});
