/** Our key service on a loopback port: in this process, or as the real command in one of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { onTestFinished } from 'vitest';
import type { Settings } from '../../src/service/settings.ts';
import { newDatabasePath } from './database.ts';
import { type HttpService, newHttpService } from './http-service.ts';

export interface ListeningService extends HttpService {
  readonly url: string;
}

/** In this process, with the rules at hand and the time as it is; ends with the test. */
export async function listeningService(settings?: Partial<Settings>): Promise<ListeningService> {
  const service = await newHttpService({ settings, now: Date.now });
  await service.server.listen({ host: '127.0.0.1', port: 0 });
  const { port } = service.server.server.address() as AddressInfo;
  return { ...service, url: `http://127.0.0.1:${port}` };
}

export interface ServerProcess {
  readonly url: string;
  /** What the first start printed: the administrator's secret, or nothing. */
  readonly secret: string;
  readonly database: string;
  readonly child: ChildProcess;
  stderr(): string;
  /** Asks it to stop, and resolves to its exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/** `keys serve` from the build, on a port of its own; killed when the test ends, if it still runs. */
export async function serverProcess(
  args: readonly string[] = [],
  database = newDatabasePath(),
  env: Readonly<Record<string, string>> = {},
): Promise<ServerProcess> {
  // Tests ask faster than users do.
  const limits = ['--rate-limit', 'none', '--address-rate-limit', 'none'];
  const argv = [
    'bin/keys.js',
    'serve',
    '--listen',
    '127.0.0.1:0',
    '--database',
    database,
    ...limits,
    ...args,
  ];
  const child = spawn(process.execPath, argv, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const exited = once(child, 'exit');
  const lines: string[] = [];
  let printed = '';
  child.stdout.on('data', (chunk) => {
    printed += chunk;
  });
  const url = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stderr }).on('line', (line) => {
      lines.push(line);
      const said = line.startsWith('{') ? (JSON.parse(line) as { msg: string; url: string }) : null;
      if (said?.msg === 'listening') resolve(said.url);
    });
    exited.then(([code]) => reject(new Error(`keys serve exited ${code}: ${lines.join('\n')}`)));
  });
  return {
    ...{ url, database, child },
    secret: printed.trim(),
    stderr: () => lines.join('\n'),
    async stop(signal = 'SIGTERM') {
      child.kill(signal);
      return (await exited)[0] as number | null;
    },
  };
}
