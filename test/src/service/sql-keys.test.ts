import { describe, expect, test } from 'vitest';
import type { KeyService } from '../../../src/keys.ts';
import { newIdempotencyKey } from '../../../src/operations/journal.ts';
import { openStore } from '../../../src/service/open-store.ts';
import { createService } from '../../../src/service/service.ts';
import type { Store } from '../../../src/service/store.ts';
import { newDatabasePath } from '../../fakes/database.ts';
import { machineAdmin } from '../../fakes/key-service.ts';
import { lacksPostgres, startPostgres } from '../../fakes/postgres.ts';

type Insert = Parameters<Store['insertKey']>;

/** Of a key without reproach, that its owner `ann` may have. */
async function wellMade(keys: KeyService, inserts: Insert[]): Promise<Insert> {
  await keys.create({ name: 'good', owner: 'ann' }, { idempotencyKey: newIdempotencyKey() });
  const insert = inserts.at(-1);
  if (!insert) throw new Error('no key was inserted');
  return insert;
}

/** What a store is left with by a service that made the key `good` of `ann`, and how that was put in. */
async function withGoodKey(
  address: string,
  test: (store: Store, insert: Insert) => Promise<void>,
): Promise<void> {
  const store = await openStore(address);
  const inserts: Insert[] = [];
  const recording: Store = {
    ...store,
    insertKey(...insert) {
      inserts.push(insert);
      return store.insertKey(...insert);
    },
  };
  const service = createService({ store: recording, now: Date.now });
  try {
    const keys = service.as(machineAdmin);
    for (const name of ['ann', 'gone']) await keys.users.create({ name });
    await keys.users.disable('gone');
    await test(store, await wellMade(keys, inserts));
  } finally {
    await service.close();
  }
}

function refusesInOrder(address: string): Promise<void> {
  return withGoodKey(address, async (store, [row, secret, , audit, mint]) => {
    const full = { defaultQuota: 1, totalQuota: null, now: Date.now() };
    const fresh = mint && { ...mint, hash: Buffer.alloc(32, 7) };
    const outcome = async (...[owner, name, minted]: [string | null, string, Insert[4]]) => {
      const made = { ...row, id: 'key_0000000000000001', owner, name };
      return (await store.insertKey(made, { ...secret, hash: Buffer.alloc(32) }, full, audit, minted))
        .refused;
    };
    // Each is refused for what comes first, though all that comes after it would be refused as well.
    expect(await outcome('nobody', 'good', mint)).toBe('minted');
    expect(await outcome('nobody', 'good', fresh)).toBe('no_owner');
    expect(await outcome('gone', 'good', fresh)).toBe('owner_disabled');
    expect(await outcome('ann', 'good', fresh)).toBe('name_taken');
    expect(await outcome(null, 'good', null)).toBe('name_taken');
    expect(await outcome('ann', 'other', fresh)).toBe('quota');
    expect(await outcome(null, 'other', null)).toBe('quota');
  });
}

function leavesNothingOfAFailure(address: string): Promise<void> {
  return withGoodKey(address, async (store, [row, secret, quota, audit]) => {
    const before = await store.auditHead();
    const made = { ...row, id: 'key_0000000000000001', name: 'other' };
    // The row of the key is good, that of its secret is not: another key has it.
    const failing = store.insertKey(made, secret, quota, audit, null);
    await expect(failing).rejects.toThrow(/unique/i);
    expect(await store.findKey(made.id)).toBeNull();
    expect(await store.auditHead()).toEqual(before);
    const next = await store.insertKey(made, { ...secret, hash: Buffer.alloc(32) }, quota, audit, null);
    expect(next.refused).toBeUndefined();
    expect((await store.auditHead()).seq).toBe(before.seq + 1);
  });
}

test('on SQLite a key that may not be made is refused for the first reason, in the order of the store', async () => {
  await refusesInOrder(newDatabasePath());
});

test('on SQLite a change of which a part fails leaves nothing behind, and the next one is none the worse', async () => {
  await leavesNothingOfAFailure(newDatabasePath());
});

describe.skipIf(lacksPostgres)(
  `on PostgreSQL${lacksPostgres ? ` (skipped: ${lacksPostgres})` : ''}`,
  async () => {
    const postgres = await startPostgres();

    test('a key that may not be made is refused for the first reason, in the order of the store', async () => {
      await refusesInOrder(await postgres.newDatabase());
    });

    test('a change of which a part fails leaves nothing behind, and the next one is none the worse', async () => {
      await leavesNothingOfAFailure(await postgres.newDatabase());
    });
  },
);
