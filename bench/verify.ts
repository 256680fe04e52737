/**
 * `POST /v1/verify` with 100,000 keys stored, against a bare `node:http` server that does the same SQLite lookup. Both are asked
 * in turn, round by round. Wanted: at least 0.6 of its requests a second.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { seededHome } from './seed.ts';
import { serve } from './serve.ts';

const short = process.argv.includes('--short');
const keys = short ? 10_000 : 100_000;
const rounds = short ? 3 : 9;
const roundMs = 2_000;
const connections = 16;

const bare = `
  const { createServer } = require('node:http');
  const { createHash } = require('node:crypto');
  const { DatabaseSync } = require('node:sqlite');
  const db = new DatabaseSync(process.env.DATABASE);
  const find = db.prepare('SELECT keys.*, secrets.ends_at FROM secrets JOIN keys ON keys.id = secrets.key_id WHERE secrets.hash = ?');
  createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => { body += chunk; });
    request.on('end', () => {
      const row = find.get(createHash('sha256').update(JSON.parse(body).secret).digest());
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ valid: row !== undefined, reason: null, key: row ?? null }));
    });
  }).listen(0, '127.0.0.1', function () { console.log(this.address().port); });`;

const home = await seededHome(keys);
const server = await serve(home.database);
const other = spawn(process.execPath, ['-e', bare], {
  env: { ...process.env, DATABASE: home.database },
  stdio: ['ignore', 'pipe', 'inherit'],
});
const [port] = await once(other.stdout.setEncoding('utf8'), 'data');
const urls = [`http://127.0.0.1:${String(port).trim()}/`, `${server.url}/v1/verify`] as const;
const body = JSON.stringify({ secret: home.secret });

const rates: [number[], number[]] = [[], []];
for (let round = 0; round <= rounds; round++) {
  for (const index of [0, 1] as const) {
    const rate = await load(urls[index]);
    if (round > 0) rates[index].push(rate);
  }
}
const [bareRate, ourRate] = rates.map((each) => each.sort((a, b) => a - b)[each.length >> 1] ?? 0) as [
  number,
  number,
];
console.log(`${keys} keys, ${connections} connections`);
console.log(`bare node:http with the same lookup  ${bareRate.toFixed(0).padStart(7)} verifies/s`);
console.log(
  `keys serve, POST /v1/verify          ${ourRate.toFixed(0).padStart(7)} verifies/s  ×${(ourRate / bareRate).toFixed(2)}`,
);
other.kill();
await server.stop();
home.remove();

/** Verifies a second, by as many callers as there are connections, each waiting for its answer. */
async function load(url: string): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const endMs = performance.now() + roundMs;
  let answered = 0;
  const caller = async () => {
    while (performance.now() < endMs) {
      await verify(url, agent);
      answered += 1;
    }
  };
  const startedMs = performance.now();
  await Promise.all(Array.from({ length: connections }, caller));
  agent.destroy();
  return (answered * 1_000) / (performance.now() - startedMs);
}

function verify(url: string, agent: Agent): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
  const call = request(url, { method: 'POST', agent, headers }, (response) => {
    let text = '';
    response.setEncoding('utf8');
    response.on('data', (chunk: string) => {
      text += chunk;
    });
    response.on('end', () =>
      text.includes('"valid":true') ? resolve() : reject(new Error(`${url}: ${text}`)),
    );
  });
  call.on('error', reject);
  call.end(body);
  return promise;
}
