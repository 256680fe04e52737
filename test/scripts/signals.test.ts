/** SIGINT, SIGTERM and SIGHUP on the built command, while the service stalls or nobody reads. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, existsSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { allKeys, type Key } from '../../src/keys.ts';
import { Secret } from '../../src/secret.ts';
import { type ListeningService, listeningService } from '../fakes/server.ts';
import { newShell } from './shell.ts';

/** What a person bears between Ctrl-C and the prompt. */
const deadlineMs = 2_000;

type Stall = 'before commit' | 'after commit';

interface World {
  readonly service: ListeningService;
  /** Resolves when the stalled request has come to where it stays. */
  readonly stalled: Promise<void>;
  run(argv: string, stdout?: number | 'pipe'): Run;
  /** In a shell, with a service that does not stall. */
  recover(): Promise<{ code: number; stdout: string; stderr: string }>;
  operations(): { state: string }[];
  live(): Promise<Key[]>;
}

interface Run {
  readonly child: ChildProcess;
  /** Sends it, and resolves to how the command ended; rejects when it has not in two seconds. */
  end(signal: NodeJS.Signals): Promise<{ code: number | null; signal: string | null; stderr: string }>;
}

async function newWorld(stall?: { method: string; path: RegExp; when: Stall }): Promise<World> {
  const service = await listeningService();
  const { secret } = await service.mint({ name: 'operator', namespace: 'admins', roles: ['admin'] });
  const reached = Promise.withResolvers<void>();
  const url = await stallingProxy(service.url, stall ?? null, reached.resolve);
  const shell = newShell();
  const env = {
    ...process.env,
    ...{ CI: '', KEYS_TOKEN: secret, KEYS_URL: url, KEYS_TIMEOUT: '' },
    KEYS_CONFIG_DIR: join(shell.path, 'config'),
    KEYS_DATA_DIR: join(shell.path, 'data'),
    KEYS_STATE_DIR: join(shell.path, 'state'),
  };
  const operations = join(shell.path, 'state', 'operations');
  return {
    service,
    stalled: reached.promise,
    run(argv, stdout = 'pipe') {
      const child = spawn(process.execPath, ['bin/keys.js', ...argv.split(' ')], {
        env,
        stdio: ['pipe', stdout, 'pipe'],
      });
      onTestFinished(() => void child.kill('SIGKILL'));
      let stderr = '';
      child.stderr?.on('data', (chunk) => {
        stderr += chunk;
      });
      const exit = once(child, 'close');
      return {
        child,
        async end(signal) {
          const late = AbortSignal.timeout(deadlineMs);
          child.kill(signal);
          const [code, by] = await Promise.race([
            exit,
            once(late, 'abort').then(() => Promise.reject(new Error('still there after two seconds'))),
          ]);
          return { code, signal: by, stderr };
        },
      };
    },
    recover: () => shell.run('keys recover --all -y', { KEYS_TOKEN: secret, KEYS_URL: url, CI: '' }),
    operations: () =>
      existsSync(operations)
        ? readdirSync(operations)
            .filter((name) => name.endsWith('.json'))
            .map((name) => JSON.parse(readFileSync(join(operations, name), 'utf8')))
        : [],
    async live() {
      const keys: Key[] = [];
      for await (const page of allKeys(service.admin, { namespace: null, nameGlob: 'ci' }))
        keys.push(...page);
      return keys;
    },
  };
}

/** Hands everything on, but for the first request that the stall is about. */
async function stallingProxy(
  target: string,
  stall: { method: string; path: RegExp; when: Stall } | null,
  reached: () => void,
): Promise<string> {
  let pending = stall;
  const server = createServer(async (request, response) => {
    const stalls = pending && request.method === pending.method && pending.path.test(request.url ?? '');
    const when = stalls ? pending?.when : undefined;
    if (stalls) pending = null;
    const body = await bodyOf(request);
    if (when === 'before commit') return reached();
    const headers = Object.entries(request.headers).filter(
      ([name]) => !/^(host|connection|content-length)$/.test(name),
    );
    const answer = await fetch(target + request.url, {
      method: request.method ?? 'GET',
      headers: headers as [string, string][],
      ...(body.length > 0 ? { body } : {}),
    });
    const text = await answer.text();
    if (when === 'after commit') return reached();
    response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' }).end(text);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function bodyOf(request: IncomingMessage): Promise<Buffer<ArrayBuffer>> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** The writing end of a pipe that is full and that nobody reads. */
function fullPipe(path: string): number {
  const fifo = join(path, `fifo-${process.pid}`);
  execFileSync('mkfifo', [fifo]);
  const both = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
  try {
    for (;;) writeSync(both, Buffer.alloc(4_096, '.'));
  } catch (error) {
    expect((error as NodeJS.ErrnoException).code).toBe('EAGAIN');
  }
  // What the command gets blocks, as a shell's pipe does.
  const fd = openSync(fifo, constants.O_WRONLY);
  onTestFinished(() => {
    closeSync(both);
    closeSync(fd);
  });
  return fd;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
}

/** Whether a process would handle a signal itself. */
function catches({ pid }: ChildProcess, number: number): boolean {
  const [, mask = '0'] = /^SigCgt:\s*(\w+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return (BigInt(`0x${mask}`) & (1n << BigInt(number - 1))) !== 0n;
}

test.each([
  ['SIGINT', 'before commit'],
  ['SIGTERM', 'before commit'],
  ['SIGHUP', 'after commit'],
  ['SIGINT', 'after commit'],
] as const)(
  '%s while the service stalls %s of a mint exits 10 within two seconds, and keys recover brings the one key',
  async (signal, when) => {
    const { run, stalled, operations, recover, live, service } = await newWorld({
      ...{ method: 'POST', path: /^\/v1\/keys$/, when },
    });
    const command = run('create ci');
    await stalled;
    const { code, stderr } = await command.end(signal);
    expect(code).toBe(10);
    expect(stderr).toMatch(/hint: keys recover op_/);
    expect(operations()).toMatchObject([{ state: 'intended' }]);
    const recovered = await recover();
    expect(recovered.code).toBe(0);
    expect(await live()).toHaveLength(1);
    const { valid } = await service.admin.verify(new Secret(recovered.stdout.trim()));
    expect(valid).toBe(true);
  },
);

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 143],
] as const)(
  '%s before anything is minted exits %i within two seconds, and nothing is left to recover',
  async (signal, exit) => {
    const { run, stalled, operations, service } = await newWorld({
      ...{ method: 'GET', path: /^\/v1\/keys/, when: 'after commit' },
    });
    const { secret } = await service.mint({ name: 'ci' });
    const command = run('rotate ci -y --grace 0');
    await stalled;
    expect((await command.end(signal)).code).toBe(exit);
    expect(operations()).toEqual([]);
    expect((await service.admin.verify(new Secret(secret))).valid).toBe(true);
  },
);

test.each(['SIGINT', 'SIGTERM'] as const)(
  '%s while nobody reads standard output exits 10 within two seconds, and keys recover brings the secret',
  async (signal) => {
    const { run, operations, recover, service, live } = await newWorld();
    const command = run('create ci', fullPipe(newShell().path));
    await until(() => operations()[0]?.state === 'delivering');
    expect((await command.end(signal)).code).toBe(10);
    const { code, stdout } = await recover();
    expect(code).toBe(0);
    expect(await live()).toHaveLength(1);
    expect((await service.admin.verify(new Secret(stdout.trim()))).valid).toBe(true);
  },
);

test('the second signal ends the command at once', async () => {
  const { run, operations, recover } = await newWorld();
  const command = run('create ci', fullPipe(newShell().path));
  await until(() => operations()[0]?.state === 'delivering');
  command.child.kill('SIGINT');
  await until(() => !catches(command.child, 2));
  expect(await command.end('SIGINT')).toMatchObject({ code: null, signal: 'SIGINT' });
  expect((await recover()).code).toBe(0);
});

test('a command that waits for standard input ends within two seconds', async () => {
  const { run } = await newWorld();
  const command = run('verify');
  await until(() => catches(command.child, 1));
  expect((await command.end('SIGHUP')).code).toBe(143);
});
