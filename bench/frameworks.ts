/**
 * One route that parses a body, looks a hash up in SQLite and answers JSON, on Fastify, Hono and a bare `node:http` server: what a web
 * framework costs a verify. Each server is a process of its own, asked in turn.
 */
import { ask } from './client.ts';
import { measure, timesOf } from './load.ts';
import { startProgram } from './program.ts';
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
const asked = ask({ method: 'POST', path: '/', body }, { holds: '"valid":true' });
const running = await Promise.all(
  Object.entries(servers).map(async ([name, script]) => {
    const program = await startProgram(['--input-type=module', '-e', script], { DATABASE: home.database });
    return { name, ...program };
  }),
);
const short = process.argv.includes('--short');
try {
  const targets = running.map(({ port, pid }) => ({ port, pid, ask: () => asked }));
  const measured = await measure(targets, { rounds: short ? 2 : 9, seconds: short ? 1 : 2 });
  for (const [index, { name }] of running.entries()) {
    const rate = measured[index]?.rate ?? 0;
    const ratio = timesOf(measured[index], measured[0]);
    console.log(`${name.padEnd(20)}${rate.toFixed(0).padStart(7)} verifies/s  ×${ratio.toFixed(2)}`);
  }
} finally {
  for (const { stop } of running) await stop();
  home.remove();
}
