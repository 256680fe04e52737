/**
 * Load by `wrk`, which is written in C: one in JavaScript takes as much of a small machine as the servers that are to be measured.
 * It looks at the status of each answer.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { Ask } from './client.ts';

export interface Load {
  readonly port: number;
  /** Over and over, if there is time. */
  readonly asks: readonly Ask[];
  readonly connections: number;
  readonly seconds: number;
  /** Where the requests may be written down. */
  readonly path: string;
}

export interface Loaded {
  readonly answers: number;
  readonly ms: number;
  readonly medianMs: number;
  readonly p99Ms: number;
}

const script = fileURLToPath(new URL('wrk.lua', import.meta.url));

/** Throws when something was not answered, or not with a status of success. */
export async function wrk({ port, asks, connections, seconds, path }: Load): Promise<Loaded> {
  const requests = asks.flatMap(({ request }) => [Buffer.from(`${request.length}\n`), request]);
  writeFileSync(path, Buffer.concat(requests), { mode: 0o600 });
  const amounts = ['--threads', '1', '--connections', String(connections), '--duration', `${seconds}s`];
  const child = spawn('wrk', [...amounts, '--script', script, `http://127.0.0.1:${port}`, '--', path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [said] = await Promise.all([text(child.stdout), once(child, 'exit')]).catch((cause) => {
    throw new Error('wrk is not installed: apt-get install wrk', { cause });
  });
  const found = /^\{.*\}$/m.exec(said)?.[0];
  if (found === undefined) throw new Error(`wrk has failed: ${said}`);
  const { refused, broken, ...loaded } = JSON.parse(found) as Loaded & { refused: number; broken: number };
  if (refused + broken === 0) return loaded;
  throw new Error(`of ${loaded.answers} requests ${refused} were refused and ${broken} not answered`);
}
