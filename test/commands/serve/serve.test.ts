/** `keys serve`, in this process where that shows enough and as the built command where signals and exits matter. */
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, createConnection } from 'node:net';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, onTestFinished, test, vi } from 'vitest';
import { WriteError } from '../../../src/io.ts';
import { mintSecret } from '../../../src/service/secret-format.ts';
import { newDatabasePath } from '../../fakes/database.ts';
import { serverProcess } from '../../fakes/server.ts';
import { collectingSink, type Home, newHome, type Setup } from '../../run.ts';

const onFreePort = 'serve --listen 127.0.0.1:0';

/** Runs `keys serve` in this process until it listens, lets `work` do something, and stops it. */
async function served(home: Home, argv: string, setup: Setup = {}, work = async (_url: string) => {}) {
  const stop = new AbortController();
  const stderr = collectingSink();
  const run = home.keys(argv, { ...setup, signal: stop.signal, stderr });
  await Promise.race([run, vi.waitFor(() => expect(stderr.text()).toContain('"listening"'), 10_000)]);
  const url = /"url":"([^"]+)"/.exec(stderr.text())?.[1];
  if (url) await work(url);
  stop.abort();
  return { ...(await run), stderr: stderr.text() };
}

async function status(url: string): Promise<number> {
  return (await fetch(url)).status;
}

test("the first start prints an administrator's secret, once, and says how to log in", async () => {
  const home = newHome();
  const first = await served(home, onFreePort, {}, async (url) => {
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:[1-9]\d*$/);
  });
  const secret = first.stdout.trim();
  expect(first).toMatchObject({ code: 0, stdout: expect.stringMatching(/^keys_[0-9A-Za-z]{36}\n$/) });
  expect(first.stderr).toMatch(/Log in with it: keys auth login --url http:\/\/127\.0\.0\.1:\d+\n/);
  expect(first.stderr).not.toContain(secret);
  const second = await served(home, onFreePort, {}, async (url) => {
    const answer = await fetch(`${url}/v1/whoami`, { headers: { authorization: `Bearer ${secret}` } });
    expect(await answer.json()).toMatchObject({ name: 'admin', roles: ['admin'] });
  });
  expect(second).toMatchObject({ code: 0, stdout: '' });
  expect(second.stderr).not.toContain('Log in');
  expect(existsSync(join(home.path, 'data', 'service.db'))).toBe(true);
});

test('of two first starts at the same time one makes the key, and the other says that its secret is good for nothing', async () => {
  const home = newHome();
  const starts: Awaited<ReturnType<typeof served>>[] = [];
  const stdout = {
    ...collectingSink(),
    write: async () => {
      starts.push(await served(home, onFreePort));
    },
  };
  const late = await served(home, onFreePort, { stdout });
  expect(starts).toMatchObject([{ code: 0, stderr: expect.stringContaining('Log in with it') }]);
  expect(late).toMatchObject({ code: 0, stderr: expect.stringContaining('good for nothing') });
  expect(late.stderr).not.toContain('Log in');
});

test('with --admin-secret-file nothing is printed and that secret administers', async () => {
  const home = newHome();
  const file = join(home.path, 'secret');
  const secret = mintSecret('keys_').reveal();
  writeFileSync(file, `${secret}\n`);
  const { code, stdout } = await served(
    home,
    `${onFreePort} --admin-secret-file ${file}`,
    {},
    async (url) => {
      const answer = await fetch(`${url}/v1/whoami`, { headers: { authorization: `Bearer ${secret}` } });
      expect(answer.status).toBe(200);
    },
  );
  expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
});

test('an --admin-secret-file that is missing, too short, cut or mistyped exits 2', async () => {
  const home = newHome();
  const file = join(home.path, 'secret');
  const cut = `${mintSecret('keys_').reveal().slice(0, -1)}\n`;
  for (const content of [null, '', 'short', `${'x'.repeat(31)}\n`, `${'x'.repeat(31)} y`, cut]) {
    if (content !== null) writeFileSync(file, content);
    const { code, stdout, stderr } = await served(home, `${onFreePort} --admin-secret-file ${file}`);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).not.toContain(cut.trim());
  }
});

test('a secret that cannot be written makes no key: exit 10, and the next start makes one', async () => {
  const home = newHome();
  const full = {
    ...collectingSink(),
    write: async () => {
      throw new WriteError('standard output', Object.assign(new Error(), { code: 'ENOSPC' }));
    },
  };
  for (const stdout of [full, { ...collectingSink(), isNull: true }]) {
    const { code, stderr } = await served(home, onFreePort, { stdout });
    expect(code).toBe(10);
    expect(stderr).toContain('--admin-secret-file');
  }
  const { code, stdout } = await served(home, onFreePort);
  expect({ code, lines: stdout.split('\n').length }).toEqual({ code: 0, lines: 2 });
});

test.each(['--listen', '--listen 127.0.0.1:0 --metrics-listen'])(
  'a taken port (%s) exits 7, says so, prints no secret and makes no database',
  async (option) => {
    const taken = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void taken.close());
    await vi.waitFor(() => expect(taken.listening).toBe(true));
    const { port } = taken.address() as AddressInfo;
    const home = newHome();
    const { code, stdout, stderr } = await home.keys(`serve ${option} 127.0.0.1:${port}`);
    expect({ code, stdout }).toEqual({ code: 7, stdout: '' });
    expect(stderr).toContain(`cannot listen on 127.0.0.1:${port}: the port is taken`);
    expect(existsSync(join(home.path, 'data', 'service.db'))).toBe(false);
    expect((await served(home, onFreePort)).stdout).toMatch(/^keys_/);
  },
);

test('an address, a quota, a prefix or a database that makes no sense exits 2 and makes nothing', async () => {
  const home = newHome();
  for (const wrong of [
    '--listen nowhere',
    '--listen 127.0.0.1:65536',
    '--listen 203.0.113.7:0',
    '--listen no.such.host.invalid:0',
    '--quota -1',
    '--quota x',
    '--secret-prefix x',
    '--database mysql://localhost/keys',
    '--database postgres://keys:hunter2@127.0.0.1/keys',
    '--listen 0.0.0.0:0',
    '--tls-cert-file /etc/cert.pem',
    '--trusted-proxies proxy.example.com',
    '--drain-time soon',
    '--log-level loud',
    '--config /no/such.yaml',
  ]) {
    const { code, stdout, stderr } = await home.keys(`serve ${wrong}`);
    expect({ wrong, code, stdout }).toEqual({ wrong, code: 2, stdout: '' });
    expect(stderr).toMatch(/^keys: .+\nhint: /);
  }
});

test('a database that is unreadable, foreign or newer is refused with a clear error', async () => {
  const home = newHome();
  const path = newDatabasePath();
  mkdirSync(dirname(path));
  writeFileSync(path, 'no database '.repeat(1_000));
  const foreign = await home.keys(`serve --database ${path}`);
  expect(foreign).toMatchObject({
    code: 2,
    stdout: '',
    stderr: expect.stringContaining('is not a database'),
  });
  expect(readFileSync(path, 'utf8')).toBe('no database '.repeat(1_000));
  const directory = await home.keys(`serve --database ${dirname(path)}`);
  expect(directory).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('is not a file') });
});

test('--quota and --secret-prefix are kept to', async () => {
  const home = newHome();
  const argv = `${onFreePort} --quota 2 --secret-prefix acme_ --database sqlite:${join(home.path, 'x', 'y.db')}`;
  const stdout = collectingSink();
  const { code } = await served(home, argv, { stdout }, async (url) => {
    const headers = { authorization: `Bearer ${stdout.text().trim()}`, 'content-type': 'application/json' };
    const create = (name: string) =>
      fetch(`${url}/v1/keys`, { method: 'POST', headers, body: JSON.stringify({ name }) });
    const one = await create('one');
    expect(await one.json()).toMatchObject({ secret: expect.stringMatching(/^acme_/) });
    expect((await create('two')).status).toBe(409);
  });
  expect(code).toBe(0);
  expect(stdout.text()).toMatch(/^acme_/);
});

test('CloudCasa: --total-quota is kept to over all namespaces', async () => {
  const home = newHome();
  const stdout = collectingSink();
  await served(home, `${onFreePort} --total-quota 2`, { stdout }, async (url) => {
    const headers = { authorization: `Bearer ${stdout.text().trim()}`, 'content-type': 'application/json' };
    const create = async (namespace: string) =>
      fetch(`${url}/v1/keys`, { method: 'POST', headers, body: JSON.stringify({ name: 'a', namespace }) });
    expect((await create('one')).status).toBe(201);
    const second = await create('two');
    expect(second.status).toBe(409);
    expect(await second.json()).toMatchObject({ detail: 'this service may have 2 active keys and has 2' });
  });
});

test.each(['--quota 0', '--total-quota 0'])(
  "with %s the first start makes the administrator's key, and nobody makes another",
  async (quota) => {
    const stdout = collectingSink();
    const { code } = await served(newHome(), `${onFreePort} ${quota}`, { stdout }, async (url) => {
      const headers = { authorization: `Bearer ${stdout.text().trim()}`, 'content-type': 'application/json' };
      expect((await fetch(`${url}/v1/whoami`, { headers })).status).toBe(200);
      const body = JSON.stringify({ name: 'a' });
      expect(await (await fetch(`${url}/v1/keys`, { method: 'POST', headers, body })).json()).toMatchObject({
        ...{ status: 409, code: 'quota_exceeded', detail: expect.stringContaining('not on the plan of') },
      });
    });
    expect(code).toBe(0);
  },
);

test('a connection on which nothing has been sent does not keep it from stopping', async () => {
  const server = await serverProcess();
  const { hostname, port } = new URL(server.url);
  const socket = createConnection(Number(port), hostname);
  await once(socket, 'connect');
  // Whoever is answered on another connection knows that the first one has been taken.
  expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
  const closed = once(socket, 'close');
  socket.on('error', () => {});
  expect(await server.stop()).toBe(0);
  await closed;
  expect(server.stderr()).not.toContain('were cut off');
});

test("it is not ready before the first administrator's key is there", async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as AddressInfo;
  await new Promise((resolve) => taken.close(resolve));
  const ready = () => status(`http://127.0.0.1:${port}/readyz`);
  const seen: number[] = [];
  const stdout = {
    ...collectingSink(),
    write: async () => {
      seen.push(await ready());
    },
  };
  await served(newHome(), `serve --listen 127.0.0.1:${port}`, { stdout }, async () => {
    seen.push(await ready());
  });
  expect(seen).toEqual([503, 200]);
});

test('while it drains, /readyz says 503 and requests are still answered; then it stops', async () => {
  const server = await serverProcess(['--drain-time', '5s', '--metrics-listen', '127.0.0.1:0']);
  const metricsUrl = /"metricsUrl":"([^"]+)"/.exec(server.stderr())?.[1] ?? '';
  expect([await status(`${server.url}/readyz`), await status(metricsUrl)]).toEqual([200, 200]);
  const exit = server.stop();
  await vi.waitFor(() => expect(server.stderr()).toContain('stopping'));
  expect(await status(`${server.url}/readyz`)).toBe(503);
  expect(await status(new URL('/readyz', metricsUrl).href)).toBe(503);
  expect(await status(`${server.url}/healthz`)).toBe(200);
  expect(await exit).toBe(0);
});

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`${signal} lets a request finish, then the built command exits 0`, async () => {
    const server = await serverProcess();
    const socket = createConnection(Number(new URL(server.url).port), '127.0.0.1');
    const body = JSON.stringify({ name: 'in flight' });
    const head = `POST /v1/keys HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${server.secret}\r\ncontent-type: application/json`;
    socket.write(`${head}\r\ncontent-length: ${body.length}\r\nexpect: 100-continue\r\n\r\n`);
    // Its "continue" shows that the request is in its hands.
    await new Promise((resolve) => socket.once('data', resolve));
    const exit = server.stop(signal);
    await vi.waitFor(() => expect(server.stderr()).toContain('stopping'));
    const answer = text(socket);
    socket.write(body);
    expect(await answer).toContain('"name":"in flight"');
    expect(await exit).toBe(0);
    expect(existsSync(`${server.database}-wal`)).toBe(false);
  });
}
