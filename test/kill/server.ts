/** The real server, `keys serve`, on a world's database, to be killed by the kernel or stopped. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { defaultPrefix, mintSecret } from '../../src/service/secret-format.ts';
import { launcher, type World } from './world.ts';

export interface RunningServer {
  readonly port: number;
  /** Has it killed at the `when`-th of a system call from now on. */
  killAt(systemCall: string, when: number): Promise<void>;
  /** Asks it to stop, if it still runs; the signal that ended it. */
  stop(): Promise<NodeJS.Signals | null>;
}

/** What makes strace kill at one system call. */
export function traced(systemCall: string, when: number): string[] {
  const inject = `inject=${systemCall}:signal=SIGKILL:when=${when}`;
  return ['-f', '-o', '/dev/null', '-e', `trace=${systemCall}`, '-e', inject];
}

/** Starts it, on a port that is free when none is given, and points the world's commands to it. */
export async function startServer(world: World, port = 0): Promise<RunningServer> {
  const { path, env } = world;
  const secretFile = join(path, 'admin');
  if (!existsSync(secretFile)) writeFileSync(secretFile, mintSecret(defaultPrefix).reveal(), { mode: 0o600 });
  const words = ['serve', '--listen', `127.0.0.1:${port}`, '--database', join(path, 'data', 'keys.db')];
  words.push('--rate-limit', 'none');
  const child = spawn(process.execPath, [launcher, ...words, '--admin-secret-file', secretFile], {
    env: { ...env, KEYS_URL: undefined, KEYS_TOKEN_FILE: undefined },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  const url = await listening(child);
  env.KEYS_URL = url;
  env.KEYS_TOKEN_FILE = secretFile;
  return {
    port: Number(new URL(url).port),
    async killAt(systemCall, when) {
      const tracer = spawn('strace', [...traced(systemCall, when), '-p', String(child.pid)], {
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      for await (const line of createInterface(tracer.stderr)) if (line.includes('attached')) break;
      tracer.stderr.resume();
    },
    async stop() {
      child.kill('SIGTERM');
      const [, signal] = await exited;
      return signal;
    },
  };
}

async function listening(child: ChildProcess): Promise<string> {
  const said: string[] = [];
  if (!child.stderr) throw new Error('no stderr');
  for await (const line of createInterface(child.stderr)) {
    said.push(line);
    const entry = line.startsWith('{') ? (JSON.parse(line) as { msg: string; url: string }) : null;
    if (entry?.msg === 'listening') {
      child.stderr.resume();
      return entry.url;
    }
  }
  throw new Error(`keys serve ended: ${said.join('\n')}`);
}
