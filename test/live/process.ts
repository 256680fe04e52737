/** Programs that a live test needs: run to their end, or kept running until the test file ends, however it ends. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** The user to run as, where this process is root. */
  readonly user?: string;
}

const isRoot = process.getuid?.() === 0;

/** What the program wrote on stdout. Throws with what it wrote on stderr. */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  const [program = '', ...args] = as(options.user, argv);
  const { cwd, env } = options;
  const settings = { cwd, env: { ...process.env, ...env }, maxBuffer: 64 * 2 ** 20 };
  const { stdout } = await promisify(execFile)(program, args, settings);
  return stdout;
}

export interface Running {
  readonly child: ChildProcess;
  stop(): Promise<void>;
}

export interface StartOptions extends RunOptions {
  /** Where stdout and stderr go. */
  readonly log: string;
  /** Resolves to whether the service answers. */
  ready(): Promise<boolean>;
  /** The signal that ends it without hurry. */
  readonly signal?: NodeJS.Signals;
}

/** Starts a program and waits until it answers. The kernel ends it when this process is killed. */
export async function start(argv: readonly string[], options: StartOptions): Promise<Running> {
  const { cwd, env, log, ready, signal = 'SIGTERM', user } = options;
  const [program = '', ...args] = as(user, ['setpriv', '--pdeathsig', signal.slice(3), ...argv]);
  const out = openSync(log, 'a');
  const child = spawn(program, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', out, out] });
  closeSync(out);
  const exited = once(child, 'exit');
  const running = { child, stop: () => stop(child, exited, signal) };
  try {
    for (const deadline = Date.now() + 120_000; !(await ready().catch(() => false)); await sleep(100)) {
      const over = child.exitCode !== null || child.signalCode !== null;
      if (!over && Date.now() < deadline) continue;
      const tail = (await readFile(log, 'utf8')).slice(-2_000);
      throw new Error(`${argv[0]} ${over ? 'ended' : 'does not answer'}:\n${tail}`);
    }
  } catch (error) {
    await running.stop();
    throw error;
  }
  return running;
}

async function stop(child: ChildProcess, exited: Promise<unknown>, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill(signal);
  const slow = setTimeout(() => child.kill('SIGKILL'), 15_000);
  await exited;
  clearTimeout(slow);
}

function as(user: string | undefined, argv: readonly string[]): readonly string[] {
  if (user === undefined || !isRoot) return argv;
  return ['setpriv', '--reuid', user, '--regid', user, '--init-groups', ...argv];
}

/** Installs Debian packages that are not there; only root may. */
export async function needPackages(...names: readonly string[]): Promise<void> {
  const format = '-f=$' + '{db:Status-Status}';
  const missing: string[] = [];
  for (const name of names) {
    const status = await run(['dpkg-query', '-W', format, name]).catch(() => '');
    if (status !== 'installed') missing.push(name);
  }
  if (missing.length === 0) return;
  if (!isRoot) throw new Error(`install first: apt-get install --no-install-recommends ${missing.join(' ')}`);
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  await run(['apt-get', 'update', '-qq'], { env });
  await run(['apt-get', 'install', '-y', '-qq', '--no-install-recommends', ...missing], { env });
}

export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
