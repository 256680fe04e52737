/** A power cut during a create, or a rotate, of the command line: what it relies on is on the disk before it goes on. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseOperation } from '../../src/operations/operation-schema.ts';
import { serverProcess } from '../fakes/server.ts';
import { temporaryDirectory } from '../fakes/temporary.ts';
import { cuts, wasThere } from '../power/disk.ts';
import { buildRecorder, type Entry, lacksCompiler } from '../power/recorder.ts';

/** Runs one command against a service with a key `old`, and records what it does below `watched`, a directory of its home. */
async function recorded(watched: string, argv: (out: string) => string[], before: string | null = null) {
  const home = temporaryDirectory();
  const path = (name: string) => join(home, name);
  for (const name of [watched, 'out', 'recorder']) mkdirSync(path(name), { recursive: true, mode: 0o700 });
  if (before !== null) writeFileSync(path('out/x'), before, { mode: 0o600 });
  const server = await serverProcess();
  const { status } = await fetch(`${server.url}/v1/keys`, {
    method: 'POST',
    headers: { authorization: `Bearer ${server.secret}`, 'content-type': 'application/json' },
    body: '{"name":"old"}',
  });
  expect(status).toBe(201);
  const recorder = buildRecorder(path(watched), path('recorder'));
  const child = spawn(process.execPath, ['bin/keys.js', ...argv(path('out'))], {
    env: {
      ...process.env,
      ...recorder.env,
      ...{ KEYS_URL: server.url, KEYS_DRIVER: 'keys', KEYS_TOKEN: server.secret },
      ...{ KEYS_CONFIG_DIR: path('config'), KEYS_DATA_DIR: path('data'), KEYS_STATE_DIR: path('state') },
    },
    stdio: 'ignore',
  });
  expect((await once(child, 'exit'))[0]).toBe(0);
  return { entries: recorder.entries(), delivered: readFileSync(path('out/x'), 'utf8') };
}

function asks(entry: Entry, path: string): boolean {
  return entry.kind === 'send' && entry.bytes.toString('latin1').startsWith(`POST ${path}`);
}

function isJournal(file: string): boolean {
  return /^op_[0-9a-f]{16}\.json$/.test(file);
}

const create = (out: string) => ['create', 'x', '-q', '--to', `file:${join(out, 'x')}`];
const rotateTo = (destination: string) => ['rotate', 'old', '-y', '--grace', '0', '--to', destination];

describe.skipIf(lacksCompiler)(`when the power goes${lacksCompiler ? ` (${lacksCompiler})` : ''}`, () => {
  test.each([
    ['create', '/v1/keys ', create],
    ['rotate', '/v1/keys/', (out: string) => rotateTo(`file:${join(out, 'x')}`)],
  ])(
    'the journal of a %s is there from before the mint until its file is removed',
    async (_what, mint, argv) => {
      const { entries } = await recorded('state/operations', argv);
      const asked = entries.findIndex((entry) => asks(entry, mint));
      const removed = entries.findLastIndex((entry) => entry.kind === 'unlink' && isJournal(entry.file));
      expect(asked).toBeGreaterThan(0);
      expect(removed).toBeGreaterThan(asked);
      for (const [at, files] of cuts(entries)) {
        const found = [...files].filter(([file]) => isJournal(file));
        if (asked <= at && at < removed) expect(found).toHaveLength(1);
        for (const [file, bytes] of found) parseOperation(bytes.toString(), file);
      }
    },
  );

  test('so is the directory of the journal, when it is new', async () => {
    const { entries } = await recorded('state', create);
    const asked = entries.findIndex((entry) => asks(entry, '/v1/keys '));
    expect(entries.slice(0, asked)).toContainEqual({ kind: 'sync', file: '' });
  });

  const variable = /^TOKEN=keys_\w+$/m;
  test.each([
    ['a new file', (path: string) => `file:${path}`, /^keys_\w+\n$/, null],
    ['a variable of a new file', (path: string) => `env-file:${path}#TOKEN`, variable, null],
    ['a variable of a file', (path: string) => `env-file:${path}#TOKEN`, variable, 'A=1\nTOKEN=old\n'],
  ])('a secret in %s is there before the old one ends, and until then the place is whole', async (...row) => {
    const [, to, secret, before] = row;
    const { entries, delivered } = await recorded('out', (out) => rotateTo(to(join(out, 'x'))), before);
    expect(delivered).toMatch(secret);
    const begin: Entry[] = before === null ? [] : wasThere('x', before);
    const ends = (entry: Entry) => asks(entry, '/v1/mint/acknowledge') || asks(entry, '/v1/mint/settle');
    const ended = begin.length + entries.findIndex(ends);
    expect(ended).toBeGreaterThan(begin.length);
    for (const [at, files] of cuts([...begin, ...entries])) {
      const held = files.get('x')?.toString() ?? null;
      if (at >= ended) expect(held).toBe(delivered);
      else if (at >= begin.length) expect(held).toBeOneOf([before, delivered]);
    }
  });
});
