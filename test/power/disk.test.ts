/** What may be left of a file after a power cut. */
import { expect, test } from 'vitest';
import { Disk, everything, firstOnly, nothing, torn } from './disk.ts';
import type { Entry } from './recorder.ts';

const create = (file: string): Entry => ({ kind: 'create', file });
const sync = (file: string): Entry => ({ kind: 'sync', file });
const write = (file: string, offset: number, text: string): Entry => ({
  ...{ kind: 'write', file, offset },
  bytes: Buffer.from(text),
});

function diskAfter(...entries: Entry[]): Disk {
  const disk = new Disk();
  for (const entry of entries) disk.apply(entry);
  return disk;
}

function texts(files: ReadonlyMap<string, Buffer>): Record<string, string> {
  return Object.fromEntries([...files].map(([name, bytes]) => [name, bytes.toString()]));
}

test('a file whose directory was not synced may be gone, with all that was synced in it', () => {
  const disk = diskAfter(create('a'), write('a', 0, 'one'), sync('a'));
  expect(texts(disk.cut(nothing))).toEqual({});
  expect(texts(disk.cut(everything))).toEqual({ a: 'one' });
});

test('what was synced stays, and of the rest nothing, all or a part', () => {
  const disk = diskAfter(create('a'), sync(''), write('a', 0, 'one'), sync('a'));
  for (const entry of [write('a', 3, 'two'), write('a', 0, 'ON')]) disk.apply(entry);
  expect(texts(disk.cut(nothing))).toEqual({ a: 'one' });
  expect(texts(disk.cut(firstOnly(1)))).toEqual({ a: 'onetwo' });
  expect(texts(disk.cut(everything))).toEqual({ a: 'ONetwo' });
});

test('a file that was removed may be there again, as it was synced, beside its successor or not', () => {
  const disk = diskAfter(create('a'), sync(''), write('a', 0, 'old'), sync('a'));
  for (const entry of [
    { kind: 'unlink', file: 'a' } as const,
    create('a'),
    write('a', 0, 'new'),
    sync('a'),
  ]) {
    disk.apply(entry);
  }
  expect(texts(disk.cut(nothing))).toEqual({ a: 'old' });
  expect(texts(disk.cut({ ...everything, moves: () => 1 }))).toEqual({});
  expect(texts(disk.cut(everything))).toEqual({ a: 'new' });
});

test('a file that was cut off and written again has zeros between', () => {
  const disk = diskAfter(create('a'), sync(''), write('a', 0, 'longer'));
  for (const entry of [{ kind: 'truncate', file: 'a', length: 1 } as const, write('a', 3, 'x')])
    disk.apply(entry);
  expect(texts(disk.cut(everything))).toEqual({ a: 'l\0\0x' });
});

test('a write may arrive without its middle sector', () => {
  const bytes = 'a'.repeat(100) + 'b'.repeat(512) + 'c'.repeat(100);
  const disk = diskAfter(create('a'), sync(''), write('a', 412, bytes));
  const answers = [0.5, 1, 0.2, 0.7, 0.2];
  const file = disk.cut(torn(512, () => answers.shift() ?? 0)).get('a');
  expect(file?.toString()).toBe('\0'.repeat(412) + 'a'.repeat(100) + '\0'.repeat(512) + 'c'.repeat(100));
});
