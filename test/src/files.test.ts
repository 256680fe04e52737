import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { readSmallFile, removeDurably, writeAtomically } from '../../src/files.ts';
import { temporaryDirectory } from '../fakes/temporary.ts';

let directory = '';
beforeEach(() => {
  directory = temporaryDirectory();
});

test('a file over a readable one is private, and nothing else is left in the directory', async () => {
  const path = join(directory, 'a');
  writeFileSync(path, 'old', { mode: 0o666 });
  await writeAtomically(path, 'new');
  expect(readFileSync(path, 'utf8')).toBe('new');
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readdirSync(directory)).toEqual(['a']);
});

test('a link is replaced and its target stays as it was', async () => {
  writeFileSync(join(directory, 'target'), 'kept');
  symlinkSync(join(directory, 'target'), join(directory, 'link'));
  await writeAtomically(join(directory, 'link'), 'new');
  expect(readFileSync(join(directory, 'target'), 'utf8')).toBe('kept');
  expect(readFileSync(join(directory, 'link'), 'utf8')).toBe('new');
});

test('a write that fails leaves the directory as it was', async () => {
  await expect(writeAtomically(join(directory, 'missing', 'a'), 'x')).rejects.toThrow('ENOENT');
  // A directory cannot be replaced by a file: the rename fails after the temporary file was written.
  await expect(writeAtomically(directory, 'x')).rejects.toThrow();
  expect(readdirSync(directory)).toEqual([]);
});

test('removing twice is told apart', async () => {
  writeFileSync(join(directory, 'a'), '');
  expect(await removeDurably(join(directory, 'a'))).toBe(true);
  expect(await removeDurably(join(directory, 'a'))).toBe(false);
});

test('reading stops at a file that is too large, also at a device without an end', async () => {
  await expect(readSmallFile('/dev/zero')).rejects.toThrow('larger than');
  writeFileSync(join(directory, 'a'), 'x'.repeat(11));
  await expect(readSmallFile(join(directory, 'a'), { longestBytes: 10 })).rejects.toThrow(
    'larger than 10 bytes',
  );
  expect(await readSmallFile(join(directory, 'a'), { longestBytes: 11 })).toHaveLength(11);
});

test.runIf(process.platform === 'linux')(
  'a pipe without a writer can be interrupted, and is read to its end',
  async () => {
    const path = join(directory, 'pipe');
    execFileSync('mkfifo', [path]);
    const interruption = new AbortController();
    const reading = readSmallFile(path, { signal: interruption.signal });
    interruption.abort(new Error('stopped'));
    await expect(reading).rejects.toThrow('stopped');
    const later = readSmallFile(path);
    execFileSync('sh', ['-c', 'exec > "$0"; printf a; sleep 0.05; printf b', path]);
    expect(await later).toBe('ab');
  },
);
