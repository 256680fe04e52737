/**
 * `keys list` of 100 keys, from a `keys serve` on the loopback and from the embedded service, each against a bare Node script
 * that gets the same rows and prints them. Wanted: at most 1.8.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLocal } from '../src/service/local.ts';
import { compare } from './measure.ts';
import { serve } from './serve.ts';

const home = mkdtempSync(join(tmpdir(), 'keys-bench-'));
const own = {
  KEYS_CONFIG_DIR: join(home, 'config'),
  KEYS_DATA_DIR: join(home, 'data'),
  KEYS_STATE_DIR: join(home, 'state'),
};
const database = join(home, 'data', 'keys.db');
const embedded = await openLocal({ url: `sqlite:${database}`, now: Date.now });
for (let n = 1; n <= 100; n++) await embedded.create({ name: `key-${n}` });
await embedded.close();

const server = await serve(database);
const remote = { ...own, KEYS_URL: server.url, KEYS_DRIVER: 'keys', KEYS_TOKEN: server.adminSecret };

const fetching = `
  const headers = { authorization: 'Bearer ' + process.env.KEYS_TOKEN };
  const answer = await fetch(process.env.KEYS_URL + '/v1/keys?limit=500', { headers });
  process.stdout.write(await answer.text());`;
const reading = `
  import { DatabaseSync } from 'node:sqlite';
  const rows = new DatabaseSync(process.env.DATABASE).prepare('SELECT * FROM keys ORDER BY id DESC LIMIT 500').all();
  process.stdout.write(JSON.stringify(rows));`;
const module = '--input-type=module';

await compare([
  { name: 'a script that fetches 100 keys', argv: [module, '-e', fetching], env: remote },
  { name: 'keys list over HTTP', argv: ['bin/keys.js', 'list'], env: remote },
  { name: 'keys list over HTTP -o json', argv: ['bin/keys.js', 'list', '-o', 'json'], env: remote },
]);
await compare([
  {
    name: 'a script that reads 100 keys from SQLite',
    argv: [module, '-e', reading],
    env: { DATABASE: database },
  },
  { name: 'keys list on the embedded service', argv: ['bin/keys.js', 'list'], env: own },
]);
await server.stop();
rmSync(home, { recursive: true });
