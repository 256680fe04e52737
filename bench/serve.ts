/** A `keys serve` of the built command on the loopback, for benches. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newSecrets } from './seed.ts';

export interface BenchServer {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  readonly adminSecret: string;
  /** Where its inspector listens, if it has one. */
  readonly inspector: string | undefined;
  /** Asks it to stop, or ends it by another signal. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

export interface ServeOptions {
  /** A database that was served before is served again with the secret of then. */
  readonly adminSecret?: string;
  readonly inspected?: boolean;
}

export async function serve(
  database: string,
  { adminSecret = newSecrets(1)[0] ?? '', inspected = false }: ServeOptions = {},
): Promise<BenchServer> {
  const directory = mkdtempSync(join(tmpdir(), 'keys-bench-admin-'));
  const secretFile = join(directory, 'secret');
  writeFileSync(secretFile, adminSecret, { mode: 0o600 });
  // As a service in earnest has it, only higher than any bench reaches.
  const limits = ['--rate-limit', '999999999/1m', '--address-rate-limit', '999999999/1m'];
  const address = ['--listen', '127.0.0.1:0', '--database', database, '--admin-secret-file', secretFile];
  const flags = inspected ? ['--inspect=127.0.0.1:0'] : [];
  const server = spawn(process.execPath, [...flags, 'bin/keys.js', 'serve', ...address, ...limits], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const exited = once(server, 'exit');
  const { promise: listening, resolve, reject } = Promise.withResolvers<string>();
  let said = '';
  let url: string | undefined;
  // Read to the end: lines that nobody takes would pile up in its memory.
  server.stderr.setEncoding('utf8').on('data', (text: string) => {
    if (url !== undefined) return;
    said += text;
    url = /"msg":"listening".*\n/.exec(said) ? /"url":"([^"]+)"/.exec(said)?.[1] : undefined;
    if (url !== undefined) resolve(url);
  });
  void exited.then(() => reject(new Error(`keys serve did not start: ${said}`)));
  url = await listening;
  rmSync(directory, { recursive: true });
  return {
    ...{ url, port: Number(new URL(url).port), pid: server.pid ?? 0, adminSecret },
    inspector: /ws:\/\/\S+/.exec(said)?.[0],
    async stop(signal = 'SIGTERM') {
      server.kill(signal);
      await exited;
    },
  };
}
