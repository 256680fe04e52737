/** A `keys serve` of the built command on the loopback, for benches. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

export interface BenchServer {
  readonly url: string;
  readonly adminSecret: string;
  stop(): Promise<void>;
}

export async function serve(database: string): Promise<BenchServer> {
  // As a service in earnest has it, only higher than any bench reaches.
  const limits = ['--rate-limit', '999999999/1m', '--address-rate-limit', '999999999/1m'];
  const argv = ['bin/keys.js', 'serve', '--listen', '127.0.0.1:0', '--database', database, ...limits];
  const server = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'pipe'] });
  const admin = once(server.stdout.setEncoding('utf8'), 'data').then(([text]) => String(text).trim());
  for await (const line of createInterface({ input: server.stderr })) {
    const said = line.startsWith('{') ? (JSON.parse(line) as { msg: string; url: string }) : null;
    if (said?.msg !== 'listening') continue;
    server.stderr.resume();
    return {
      url: said.url,
      adminSecret: await admin,
      async stop() {
        server.kill();
        await once(server, 'exit');
      },
    };
  }
  throw new Error('keys serve did not start');
}
