/** A power cut during a backup or a restore: what is told to be there is on the disk, and what it replaces is whole until then. */
import { spawn } from 'node:child_process';
import { hash } from 'node:crypto';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { machineAdministrator } from '../../src/service/machine.ts';
import { createService } from '../../src/service/service.ts';
import { openSqlite } from '../../src/service/sqlite.ts';
import { temporaryDirectory } from '../fakes/temporary.ts';
import { cuts, wasThere } from '../power/disk.ts';
import { buildRecorder, lacksCompiler } from '../power/recorder.ts';

async function newDatabase(path: string, name: string): Promise<void> {
  const service = createService({ store: await openSqlite(path), now: Date.now });
  await service.as(machineAdministrator('root')).create({ name });
  await service.close();
}

/** Two databases, of which one is put into the place of the other in a directory that is watched. */
async function recorded(argv: (one: string, other: string) => string[]) {
  const home = temporaryDirectory();
  for (const name of ['out', 'recorder']) mkdirSync(join(home, name));
  const [one, other] = [join(home, 'one.db'), join(home, 'out', 'x')] as const;
  await newDatabase(one, 'one');
  await newDatabase(join(home, 'other.db'), 'other');
  copyFileSync(join(home, 'other.db'), other);
  const before = readFileSync(other);
  const recorder = buildRecorder(join(home, 'out'), join(home, 'recorder'));
  const child = spawn(process.execPath, ['bin/keys.js', 'serve', ...argv(one, other)], {
    env: { ...process.env, ...recorder.env },
    stdio: 'ignore',
  });
  expect((await once(child, 'exit'))[0]).toBe(0);
  const begin = wasThere('x', before);
  const names = readdirSync(join(home, 'out'));
  const files = new Map(names.map((file) => [file, hashOf(readFileSync(join(home, 'out', file)))]));
  return { before: hashOf(before), files, began: begin.length, entries: [...begin, ...recorder.entries()] };
}

/** Short enough for a person to read where two differ. */
function hashOf(bytes: Buffer | undefined): string | null {
  return bytes ? hash('sha256', bytes) : null;
}

describe.skipIf(lacksCompiler)(`when the power goes${lacksCompiler ? ` (${lacksCompiler})` : ''}`, () => {
  test('a backup is on the disk when it is told to be, and until then the one before is whole', async () => {
    const { before, files, began, entries } = await recorded((one, other) => [
      ...['backup', '--database', one, other, '--force'],
    ]);
    const after = files.get('x') ?? '';
    for (const [at, found] of cuts(entries)) {
      const held = hashOf(found.get('x'));
      if (at === entries.length - 1) expect(held).toBe(after);
      else if (at >= began) expect(held).toBeOneOf([before, after]);
    }
  });

  test('a restored database is on the disk when it is told to be, with the one before beside it', async () => {
    const { files, began, entries } = await recorded((one, other) => [
      ...['restore', '--database', other, one, '--yes'],
    ]);
    const [kept = ''] = [...files.keys()].filter((file) => file !== 'x');
    expect(kept).toContain('x.replaced-');
    for (const [at, found] of cuts(entries)) {
      if (at >= began) expect(found.has('x')).toBe(true);
      if (at < entries.length - 1) continue;
      expect(hashOf(found.get(kept))).toBe(files.get(kept));
      // The system copies the backup by itself, so its bytes are not in the record.
      expect(hashOf(found.get('x'))).not.toBe(files.get(kept));
    }
  });
});
