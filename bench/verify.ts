/**
 * `POST /v1/verify` with 100,000 keys stored, against a bare `node:http` server that does the same SQLite lookup. Both are asked
 * in turn, round by round. Wanted: at least 0.6 of its requests a second.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connections, rates } from './load.ts';
import { seededHome } from './seed.ts';
import { serve } from './serve.ts';

const keys = process.argv.includes('--short') ? 10_000 : 100_000;

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

const [bareRate = 0, ourRate = 0] = await rates(urls, body);
console.log(`${keys} keys, ${connections} connections`);
console.log(`bare node:http with the same lookup  ${bareRate.toFixed(0).padStart(7)} verifies/s`);
console.log(
  `keys serve, POST /v1/verify          ${ourRate.toFixed(0).padStart(7)} verifies/s  ×${(ourRate / bareRate).toFixed(2)}`,
);
other.kill();
await server.stop();
home.remove();
