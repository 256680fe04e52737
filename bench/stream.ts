/**
 * `keys list -o ndjson` of 10,000 and of 100,000 keys: memory does not grow with the number of keys, and the first line is out
 * while the second page is still being withheld. Wanted: at most 150 MB, the same for both within 20 %.
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { seededHome } from './seed.ts';
import { serve } from './serve.ts';

const sizes = process.argv.includes('--short') ? [2_000, 10_000] : [10_000, 100_000];

const peaks: number[] = [];
for (const size of sizes) {
  const home = await seededHome(size);
  const server = await serve(home.database);
  const { lines, peakMb, seconds, early } = await stream(server.url, server.adminSecret, home.env);
  peaks.push(peakMb);
  console.log(
    `${String(lines).padStart(7)} keys  ${peakMb.toFixed(0)} MB at most  ${seconds.toFixed(1)} s  first line ${early ? 'before' : 'AFTER'} the second page`,
  );
  await server.stop();
  home.remove();
}
console.log(
  `memory of the larger list to that of the smaller  ×${((peaks[1] ?? 0) / (peaks[0] ?? 1)).toFixed(2)}`,
);

/** Lists through a proxy that withholds the second page until the first line has been read. */
async function stream(url: string, secret: string, env: Readonly<Record<string, string>>) {
  let pages = 0;
  let early = false;
  let release = () => {};
  const firstLine = new Promise<void>((resolve) => {
    release = resolve;
  });
  const proxy = createServer(async (request, response) => {
    pages += 1;
    if (pages === 2) {
      const withheld = await Promise.race([
        firstLine.then(() => true),
        new Promise<false>((resolve) => setTimeout(resolve, 5_000, false)),
      ]);
      early = withheld;
    }
    const answer = await fetch(url + request.url, {
      headers: { authorization: request.headers.authorization ?? '' },
    });
    response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' });
    response.end(Buffer.from(await answer.arrayBuffer()));
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const address = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  const startedMs = performance.now();
  const child = spawn(process.execPath, ['bin/keys.js', 'list', '-o', 'ndjson', '--timeout', '10m'], {
    env: {
      ...process.env,
      ...env,
      NODE_OPTIONS: process.env.CHILD_OPTS ?? '',
      KEYS_URL: address,
      KEYS_DRIVER: 'keys',
      KEYS_TOKEN: secret,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let peakMb = 0;
  const sampling = setInterval(() => {
    try {
      const high = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1];
      peakMb = Math.max(peakMb, Number(high ?? 0) / 1_024);
    } catch {
      // It has ended.
    }
  }, 10);
  let lines = 0;
  for await (const _line of createInterface({ input: child.stdout })) {
    lines += 1;
    if (lines === 1) release();
  }
  clearInterval(sampling);
  proxy.close();
  proxy.closeAllConnections();
  return { lines, peakMb, early, seconds: (performance.now() - startedMs) / 1_000 };
}
