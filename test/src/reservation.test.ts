import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { reserve } from '../../src/reservation.ts';
import { temporaryDirectory } from '../fakes/temporary.ts';

test('whether a file may be replaced is asked last, when all of the new one is written', async () => {
  const directory = temporaryDirectory();
  const path = join(directory, 'a');
  writeFileSync(path, 'old');
  const contents = () => readdirSync(directory).map((name) => readFileSync(join(directory, name), 'utf8'));
  const reservation = await reserve(path, { bytes: 10, mode: 0o600, replace: true });
  let seen: string[] = [];
  await reservation.commit(Buffer.from('new'), async () => {
    seen = contents();
  });
  expect(seen.sort()).toEqual(['new', 'old']);
  expect(contents()).toEqual(['new']);
});

test('room that was given back or used cannot be used again, and giving it back again changes nothing', async () => {
  const directory = temporaryDirectory();
  const path = join(directory, 'a');
  const given = await reserve(path, { bytes: 10, mode: 0o600, replace: true });
  await given.release();
  await given.release();
  await expect(given.commit(Buffer.from('late'))).rejects.toThrow();
  expect(readdirSync(directory)).toEqual([]);
  const used = await reserve(path, { bytes: 10, mode: 0o600, replace: true });
  await used.commit(Buffer.from('new'));
  await used.release();
  await expect(used.commit(Buffer.from('twice'))).rejects.toThrow();
  expect([readdirSync(directory), readFileSync(path, 'utf8')]).toEqual([['a'], 'new']);
});
