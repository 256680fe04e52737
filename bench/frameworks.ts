/**
 * One route that parses a body, looks a hash up in SQLite and answers JSON, on Fastify, Hono and a bare `node:http` server: what a web
 * framework costs a verify. Each server is a process of its own, asked in turn.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rates } from './load.ts';
import { seededHome } from './seed.ts';

const shared = `
  import { createHash } from 'node:crypto';
  import { DatabaseSync } from 'node:sqlite';
  const db = new DatabaseSync(process.env.DATABASE);
  const found = db.prepare('SELECT keys.*, secrets.ends_at FROM secrets JOIN keys ON keys.id = secrets.key_id WHERE secrets.hash = ?');
  const verify = ({ secret }) => ({ valid: found.get(createHash('sha256').update(secret).digest()) !== undefined });
  const listening = (port) => console.log(port);`;

const servers: Readonly<Record<string, string>> = {
  'bare node:http': `${shared}
    import { createServer } from 'node:http';
    createServer((request, response) => {
      let body = '';
      request.on('data', (chunk) => { body += chunk; });
      request.on('end', () => {
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify(verify(JSON.parse(body))));
      });
    }).listen(0, '127.0.0.1', function () { listening(this.address().port); });`,
  Fastify: `${shared}
    import fastify from 'fastify';
    const app = fastify();
    app.post('/', (request) => verify(request.body));
    await app.listen({ port: 0, host: '127.0.0.1' });
    listening(app.server.address().port);`,
  Hono: `${shared}
    import { serve } from '@hono/node-server';
    import { Hono } from 'hono';
    const app = new Hono();
    app.post('/', async (context) => context.json(verify(await context.req.json())));
    serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) => listening(port));`,
};

const home = await seededHome(10_000);
const body = JSON.stringify({ secret: home.secret });
const running = await Promise.all(
  Object.entries(servers).map(async ([name, script]) => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      env: { ...process.env, DATABASE: home.database },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [port] = await once(child.stdout.setEncoding('utf8'), 'data');
    return { name, child, url: `http://127.0.0.1:${String(port).trim()}/` };
  }),
);
const measured = await rates(
  running.map(({ url }) => url),
  body,
);
for (const [index, { name, child }] of running.entries()) {
  const rate = measured[index] ?? 0;
  const ratio = index === 0 ? '' : `  ×${(rate / (measured[0] ?? 1)).toFixed(2)}`;
  console.log(`${name.padEnd(20)}${rate.toFixed(0).padStart(7)} verifies/s${ratio}`);
  child.kill();
}
home.remove();
