import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Call, HttpOptions } from '../../src/http.ts';
import { newAuthority } from '../fakes/certificates.ts';
import { failureOf, httpTo } from '../fakes/http.ts';
import { json, raw, scriptedService } from '../fakes/wire.ts';
import { newHome } from '../run.ts';

const read: Call = { method: 'GET', path: ['v1', 'keys'], effect: 'read' };
const mint: Call = { method: 'POST', path: ['v1', 'keys'], body: {}, effect: 'once' };
const ok = json(200, { ok: true });
const here = 'IP:127.0.0.1,DNS:localhost';

test('a certificate of the authority in caFile is trusted, and without it exit 13', async () => {
  const authority = newAuthority();
  const service = await scriptedService([ok], authority.issue(here));
  expect((await httpTo(service.url, { caFile: authority.certFile }).call(read)).status).toBe(200);
  const error = await failureOf(httpTo(service.url).call(read));
  expect(error).toMatchObject({ code: 'untrusted', exitCode: 13, hint: expect.stringContaining('caFile') });
  expect(error.message).toContain('not trusted here');
});

test('caFile adds to the usual authorities and replaces none', async () => {
  const [usual, own] = [newAuthority(), newAuthority()];
  const script = `
    import { createHttp } from ${JSON.stringify(join(process.cwd(), 'src/http.ts'))};
    import { Redactor } from ${JSON.stringify(join(process.cwd(), 'src/secret.ts'))};
    const [baseUrl, caFile] = process.argv.slice(2);
    const http = createHttp({ baseUrl, caFile, credential: null, timeoutMs: 9000, signal: new AbortController().signal, redactor: new Redactor() });
    console.log((await http.call({ method: 'GET', path: [], effect: 'read' })).status);
    await http.close();`;
  const file = join(newHome().path, 'script.ts');
  writeFileSync(file, script);
  for (const authority of [usual, own]) {
    const service = await scriptedService([ok], authority.issue(here));
    const env = { ...process.env, NODE_EXTRA_CA_CERTS: usual.certFile };
    const { stdout } = await promisify(execFile)(process.execPath, [file, service.url, own.certFile], {
      env,
    });
    expect(stdout).toBe('200\n');
  }
});

test.each<[string, string, Parameters<ReturnType<typeof newAuthority>['issue']>]>([
  ['has expired', 'clock', [here, { until: '20210101000000Z' }]],
  ['is not valid yet', 'clock', [here, { from: '20980101000000Z' }]],
  ['is not made out to that name', 'other.test', ['DNS:other.test']],
])('a certificate that %s is untrusted, with a hint', async (words, hint, issue) => {
  const authority = newAuthority();
  const service = await scriptedService([], authority.issue(...issue));
  for (const call of [read, mint]) {
    const error = await failureOf(httpTo(service.url, { caFile: authority.certFile }).call(call));
    expect(error).toMatchObject({ code: 'untrusted', exitCode: 13 });
    expect(error.message).toContain(words);
    expect(error.hint).toContain(hint);
  }
});

test('a self-signed certificate is untrusted', async () => {
  const service = await scriptedService([], newAuthority());
  const error = await failureOf(httpTo(service.url).call(read));
  expect(error).toMatchObject({ code: 'untrusted', message: expect.stringContaining('self-signed') });
});

test('a port that speaks plain http, or an old TLS only, is untrusted', async () => {
  const plain = await scriptedService([]);
  const error = await failureOf(httpTo(plain.url.replace('http:', 'https:')).call(mint));
  expect(error).toMatchObject({ code: 'untrusted', message: expect.stringContaining('does not speak TLS') });

  const authority = newAuthority();
  const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
  const service = await scriptedService([], { ...authority.issue(here), ...old });
  const refusal = await failureOf(httpTo(service.url, { caFile: authority.certFile }).call(read));
  expect(refusal).toMatchObject({ code: 'untrusted', message: expect.stringContaining('no version of TLS') });
});

test('plain http spoken to a port that speaks TLS is unavailable (exit 7), and the hint has the address with https', async () => {
  const service = await scriptedService([], newAuthority());
  const error = await failureOf(httpTo(service.url.replace('https:', 'http:')).call(read));
  expect(error).toMatchObject({
    code: 'unavailable',
    exitCode: 7,
    hint: expect.stringContaining(service.url),
  });
});

describe('a fatal alert of TLS in answer to plain http', () => {
  const alert = Buffer.from('15030300020246', 'hex');

  test('means that nobody read the mint: unavailable (exit 7), and the hint has the address with https', async () => {
    const service = await scriptedService(raw(alert));
    const error = await failureOf(httpTo(service.url).call(mint));
    expect(error).toMatchObject({
      code: 'unavailable',
      exitCode: 7,
      hint: expect.stringContaining(service.url.replace('http:', 'https:')),
    });
  });

  test.each<[string, Buffer | string]>([
    ['a part of it', alert.subarray(0, 5)],
    ['one that is no more than a warning', Buffer.from('15030300020100', 'hex')],
    ['one behind an answer in HTTP that was not the last', `HTTP/1.1 103 Early Hints\r\n\r\n${alert}`],
    ['one in the body of an answer', `HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n${alert}`],
    ['one behind other bytes', `keys${alert}`],
  ])('%s leaves open whether the mint was done (exit 10)', async (_what, bytes) => {
    const service = await scriptedService([raw(bytes)]);
    expect(await failureOf(httpTo(service.url).call(mint))).toMatchObject({ exitCode: 10 });
  });

  test('leaves that open where the service has spoken HTTP before (exit 10)', async () => {
    const service = await scriptedService([ok, raw(alert)]);
    const http = httpTo(service.url);
    await http.call(read);
    expect(await failureOf(http.call(mint))).toMatchObject({ exitCode: 10 });
  });
});

test('a service that ends the connection in the handshake is unavailable (exit 7), and a mint did nothing', async () => {
  const server = createTcpServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const error = await failureOf(httpTo(`https://127.0.0.1:${port}`).call(mint));
  expect(error).toMatchObject({ code: 'unavailable', exitCode: 7 });
});

test('a service that asks for a client certificate gets it', async () => {
  const authority = newAuthority();
  const client = authority.issue('DNS:client');
  const demanding = { requestCert: true, rejectUnauthorized: true, ca: authority.cert };
  const service = await scriptedService([ok], { ...authority.issue(here), ...demanding });
  const files = {
    caFile: authority.certFile,
    clientCertFile: client.certFile,
    clientKeyFile: client.keyFile,
  };
  expect((await httpTo(service.url, files).call(read)).status).toBe(200);
});

test('a client certificate that is missing is untrusted, and the hint says where to name it', async () => {
  const authority = newAuthority();
  const { certFile, keyFile } = authority.issue(here);
  // Node's own servers end the connection without a word; OpenSSL's say why.
  const args = ['-accept', '127.0.0.1:0', '-Verify', '1', '-verify_return_error', '-www', '-tls1_2'];
  const files = ['-cert', certFile, '-key', keyFile, '-CAfile', authority.certFile];
  const server = spawn('openssl', ['s_server', ...args, ...files], { stdio: ['ignore', 'pipe', 'ignore'] });
  onTestFinished(() => void server.kill());
  let said = '';
  let port: string | undefined;
  for await (const chunk of server.stdout) {
    said += chunk;
    port = /^ACCEPT .*:(\d+)\n/m.exec(said)?.[1];
    if (port) break;
  }
  const http = httpTo(`https://127.0.0.1:${port}`, { caFile: authority.certFile });
  expect(await failureOf(http.call(mint))).toMatchObject({
    code: 'untrusted',
    hint: expect.stringContaining('clientCertFile'),
  });
});

test.each<
  [string, (pki: { authority: ReturnType<typeof newAuthority>; junk: string }) => Partial<HttpOptions>]
>([
  ['a CA file that is not there', () => ({ caFile: '/nowhere/ca.pem' })],
  ['a CA file without a certificate', ({ junk }) => ({ caFile: junk })],
  ['a certificate without its key', ({ authority }) => ({ clientCertFile: authority.certFile })],
  [
    "another certificate's key",
    ({ authority }) => ({ clientCertFile: authority.certFile, clientKeyFile: authority.issue(here).keyFile }),
  ],
  [
    'a key file without a key',
    ({ authority, junk }) => ({ clientCertFile: authority.certFile, clientKeyFile: junk }),
  ],
])('%s is invalid (exit 2) before any request', (_name, options) => {
  const junk = join(newHome().path, 'junk.pem');
  writeFileSync(junk, 'junk');
  const chosen = options({ authority: newAuthority(), junk });
  expect(() => httpTo('https://127.0.0.1:1', chosen)).toThrowError(
    expect.objectContaining({ code: 'invalid' }),
  );
});

// Proxies. The names end in .test: only the proxy knows where they are.

interface Proxy {
  readonly url: string;
  readonly asked: { line: string; authorization: string | undefined }[];
}

/** Sends everything to `port` of this machine, whatever name was asked for. */
async function proxyTo(port: number, refuse?: string): Promise<Proxy> {
  const asked: Proxy['asked'] = [];
  const note = ({ method, url, headers }: IncomingMessage) =>
    asked.push({ line: `${method} ${url}`, authorization: headers['proxy-authorization'] });
  const server = createServer((request, response) => {
    note(request);
    response
      .writeHead(Number.parseInt(refuse ?? '200', 10), { 'content-type': 'application/json' })
      .end('{}');
  });
  server.on('connect', (request: IncomingMessage, client: Duplex) => {
    note(request);
    if (refuse) return void client.end(`HTTP/1.1 ${refuse}\r\n\r\n`);
    const upstream = connect(port, '127.0.0.1', () => client.write('HTTP/1.1 200 OK\r\n\r\n'));
    upstream.pipe(client).pipe(upstream);
    for (const socket of [client, upstream]) socket.on('error', () => upstream.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

test.each(['HTTPS_PROXY', 'https_proxy'])(
  '%s is the way to an https service, which is still verified',
  async (name) => {
    const authority = newAuthority();
    const service = await scriptedService([ok], authority.issue('DNS:keys.test'));
    const proxy = await proxyTo(service.port);
    const options = { env: { [name]: proxy.url.replace('//', '//me:pass@') }, caFile: authority.certFile };
    expect((await httpTo(`https://keys.test:${service.port}`, options).call(read)).status).toBe(200);
    expect(proxy.asked).toEqual([
      { line: `CONNECT keys.test:${service.port}`, authorization: `Basic ${btoa('me:pass')}` },
    ]);
    const error = await failureOf(httpTo(`https://wrong.test:${service.port}`, options).call(read));
    expect(error).toMatchObject({ code: 'untrusted', message: expect.stringContaining('not made out') });
  },
);

test('HTTP_PROXY, also without its http://, is the way to an http service, and not to an https one', async () => {
  const proxy = await proxyTo(1);
  const env = { HTTP_PROXY: proxy.url.replace('http://', '') };
  expect((await httpTo('http://keys.test', { env, insecureHttp: true }).call(read)).status).toBe(200);
  expect(proxy.asked[0]?.line).toBe('GET http://keys.test/v1/keys');
  const error = await failureOf(httpTo('https://keys.test', { env }).call(mint));
  expect(error.message).toContain('no such host');
  expect(proxy.asked).toHaveLength(1);
});

test.each(['keys.test', '.test', '*', 'other.test, keys.test', 'keys.test:443'])(
  'NO_PROXY=%s goes past the proxy',
  async (noProxy) => {
    const proxy = await proxyTo(1);
    for (const name of ['NO_PROXY', 'no_proxy']) {
      const env = { HTTPS_PROXY: proxy.url, [name]: noProxy };
      const error = await failureOf(httpTo('https://keys.test', { env }).call(mint));
      expect(error.message).toContain('no such host');
    }
    expect(proxy.asked).toEqual([]);
  },
);

test('the loopback is never asked for through a proxy', async () => {
  const service = await scriptedService(ok);
  const env = { HTTP_PROXY: 'http://127.0.0.1:1', http_proxy: 'http://127.0.0.1:1' };
  expect((await httpTo(service.url, { env }).call(read)).status).toBe(200);
  expect((await httpTo(`http://localhost:${service.port}`, { env }).call(read)).status).toBe(200);
});

test('a proxy that refuses is unavailable (exit 7), its credential is not shown', async () => {
  const proxy = await proxyTo(1, '407 Proxy Authentication Required');
  const lines: string[] = [];
  const options = {
    env: { HTTPS_PROXY: proxy.url.replace('//', '//me:pass@') },
    trace: (line: string) => void lines.push(line),
  };
  const error = await failureOf(httpTo('https://keys.test', options).call(mint));
  expect(error).toMatchObject({ code: 'unavailable', exitCode: 7, message: expect.stringContaining('407') });
  expect(lines.join() + error.message).not.toContain('pass');
  // Asked again, it might lock its user out.
  expect(lines.filter((line) => line.startsWith('>'))).toHaveLength(1);
});

test('a proxy that refuses plain http is unavailable (exit 7) and asked once: nothing was done', async () => {
  const proxy = await proxyTo(1, '407 Proxy Authentication Required');
  for (const call of [mint, read]) {
    const http = httpTo('http://keys.test', { env: { HTTP_PROXY: proxy.url }, insecureHttp: true });
    const error = await failureOf(http.call(call));
    expect(error).toMatchObject({ code: 'unavailable', message: expect.stringContaining('407') });
  }
  expect(proxy.asked).toHaveLength(2);
});

test.each([
  ['http://me:pass@127.0.0.1:1', '127.0.0.1:1, the way to keys.test:8443: connection refused'],
  ['http://no-proxy-here.invalid:3128', 'no-proxy-here.invalid:3128, the way to keys.test:8443: '],
])('a proxy that cannot be reached is told as such, and not as the service: %s', async (url, what) => {
  const error = await failureOf(httpTo('https://keys.test:8443', { env: { https_proxy: url } }).call(mint));
  expect(error).toMatchObject({
    code: 'unavailable',
    hint: 'check https_proxy; NO_PROXY=keys.test goes past the proxy',
  });
  expect(error.message).toContain(`cannot reach the proxy ${what}`);
});

test.each(['http://', 'socks5://127.0.0.1:1', 'http://a b'])(
  'HTTPS_PROXY=%s is invalid (exit 2)',
  (value) => {
    const env = { HTTPS_PROXY: value };
    expect(() => httpTo('https://keys.test', { env })).toThrowError(
      expect.objectContaining({ code: 'invalid', message: expect.stringContaining('HTTPS_PROXY') }),
    );
  },
);
