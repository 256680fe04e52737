import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { expect, test } from 'vitest';
import { openLocal } from '../../../src/service/local.ts';
import { keyServiceContract, refuses } from '../../contracts/key-service.ts';
import { newDatabasePath } from '../../fakes/database.ts';

function open(path = newDatabasePath()) {
  return openLocal({ url: `sqlite:${path}`, now: Date.now });
}

keyServiceContract('the embedded service', () => open());

test('the database is private: 0600 in a directory of 0700', async () => {
  const path = newDatabasePath();
  const service = await open(path);
  await service.create({ name: 'demo' });
  const modes = [path, `${path}-wal`, `${path}-shm`, dirname(path)].map(
    (each) => statSync(each).mode & 0o777,
  );
  expect(modes).toEqual([0o600, 0o600, 0o600, 0o700]);
  await service.close();
});

test('keys are there when the database is opened again', async () => {
  const path = newDatabasePath();
  const first = await open(path);
  const { key, secret } = await first.create({ name: 'kept' });
  await first.verify(secret);
  await first.close();
  const second = await open(path);
  expect(await second.get(key.id)).toEqual({ ...key, lastUsedAt: expect.any(String) });
  await second.close();
});

test('a key belongs to the user of the machine, in the namespace default', async () => {
  const service = await open();
  const { owner } = await service.whoami();
  const { key } = await service.create({ name: 'mine' });
  expect(key).toMatchObject({ owner, createdBy: owner, namespace: 'default' });
  await service.close();
});

test('a database URL that is none is invalid', async () => {
  for (const url of ['sqlite:', 'postgres://x/y', 'sqlite::memory:']) {
    await refuses('invalid', openLocal({ url, now: Date.now }));
  }
});

test('the first key makes its owner a user, and one that is refused makes none', async () => {
  const service = await open();
  await refuses('invalid', service.create({ name: '' }));
  await refuses('unsupported', service.create({ name: 'demo', recoverable: true }));
  expect(await service.users?.list()).toEqual([]);
  await service.create({ name: 'demo' });
  expect(await service.users?.list()).toMatchObject([{ role: 'admin', status: 'active' }]);
  await service.close();
});
