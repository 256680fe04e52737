import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { keyMatcher } from '../../../src/filter.ts';
import { type KeyFilter, keyStatuses, keyTypes } from '../../../src/keys.ts';
import { newKeyId } from '../../../src/service/ids.ts';
import { openStore } from '../../../src/service/open-store.ts';
import { toKey } from '../../../src/service/status.ts';
import type { AuditRow, KeyRow } from '../../../src/service/store.ts';
import { newDatabasePath } from '../../fakes/database.ts';
import { lacksPostgres, startPostgres } from '../../fakes/postgres.ts';

const now = Date.UTC(2026, 10, 1);
// Few values, close to each other and to now, so that they meet often.
const time = fc.integer({ min: -3, max: 3 }).map((minutes) => now + minutes * 60_000);
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: null });
const someNames = ['a', 'ab', 'A', 'a*', '[a]', 'a]b', 'ä', '部署', '👍', 'a%b_', "a'b", 'a\\b'];
const name = fc.oneof(
  fc.constantFrom(...someNames),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 4 }),
);
const owner = fc.constantFrom('ann', 'bob', 'Ann');
const role = fc.constantFrom('viewer', 'editor', 'owner', 'own');
const labelName = fc.constantFrom('a', 'b', 'a.b', 'constructor');
const labelValue = fc.constantFrom('1', '01', '', 'true');
const labels = fc.dictionary(labelName, labelValue, { maxKeys: 2, noNullPrototype: true });

const rowArbitrary: fc.Arbitrary<Omit<KeyRow, 'id' | 'name'>> = fc.record({
  namespace: fc.constantFrom('default', 'team'),
  description: fc.constant(null),
  owner: maybe(owner),
  type: fc.constantFrom(...keyTypes),
  roles: fc.uniqueArray(role, { maxLength: 2 }),
  permissions: fc.constant([]),
  apiVersion: fc.constant('2026-11-01'),
  prefix: fc.constant('keys_'),
  lastFour: fc.constant('abcd'),
  labels,
  rateLimit: fc.constant(null),
  recoverable: fc.constant(false),
  createdAt: time,
  createdBy: fc.constant('ann'),
  expiresAt: maybe(time),
  disabledAt: maybe(time),
  revokedAt: fc.oneof({ weight: 3, arbitrary: fc.constant(null) }, time),
  rotatedAt: fc.constant(null),
  lastUsedAt: maybe(time),
  version: fc.constant(1),
});

const timeText = time.map((ms) => new Date(ms).toISOString());
const globPart = fc.oneof(fc.constantFrom('*', '?', '[', ']', '^', '-', 'a', 'b', '[a]', '[!b]'), name);
// A few conditions at a time: with more of them nothing would be left to compare.
const filterArbitrary: fc.Arbitrary<KeyFilter> = fc
  .uniqueArray(
    fc.oneof(
      fc.record({ namespace: maybe(fc.constantFrom('default', 'team', 'none')) }),
      fc.record({ statuses: fc.uniqueArray(fc.constantFrom(...keyStatuses)) }),
      fc.record({ owner }),
      fc.record({ role }),
      fc.record({ type: fc.constantFrom(...keyTypes) }),
      fc.record({
        labels: fc.dictionary(fc.oneof(labelName, fc.constant('toString')), labelValue, { maxKeys: 2 }),
      }),
      fc.record({ nameGlob: fc.array(globPart, { maxLength: 3 }).map((parts) => parts.join('')) }),
      fc.record({ expiresBefore: timeText }),
      fc.record({ unusedSince: timeText }),
      fc.record({ noExpiry: fc.boolean() }),
    ),
    { maxLength: 3, selector: (condition) => Object.keys(condition)[0] },
  )
  .map((conditions): KeyFilter => Object.assign({}, ...conditions));

async function prove(address: string, numRuns: number): Promise<void> {
  const store = await openStore(address);
  const rows = fc.sample(fc.tuple(rowArbitrary, name), 400).map(
    ([row, begin], i): KeyRow => ({
      ...row,
      // Names are unique among live keys; half of them keep their bare form as long as nobody has it.
      ...{ id: newKeyId(i), name: i < someNames.length ? (someNames[i] ?? '') : `${begin}${i % 2 ? '' : i}` },
    }),
  );
  const recorded: Omit<AuditRow, 'action' | 'target'> = {
    time: now,
    actor: 'a',
    agent: null,
    outcome: 'done',
    address: null,
    requestId: null,
    details: {},
  };
  for (const name of new Set(rows.flatMap(({ owner }) => owner ?? []))) {
    const user = { name, role: 'member', password: null, memberships: [], disabledAt: null } as const;
    await store.insertUser(
      { ...user, createdAt: now, version: 1 },
      { ...recorded, action: 'user.create', target: name },
    );
  }
  const stored: KeyRow[] = [];
  for (const row of rows) {
    const secret = {
      hash: Buffer.from(row.id),
      prefix: 'keys_',
      lastFour: 'abcd',
      createdAt: now,
      kept: null,
    };
    const audit = { ...recorded, action: 'create', target: row.id };
    const outcome = await store.insertKey(
      row,
      secret,
      { defaultQuota: null, totalQuota: null, now },
      audit,
      null,
    );
    if (outcome.refused === undefined) stored.push(outcome.row);
  }
  expect(stored.length).toBeGreaterThan(200);
  const keys = stored.map((row) => toKey(row, now)).reverse();
  await fc.assert(
    fc.asyncProperty(filterArbitrary, fc.option(fc.nat(stored.length - 1)), async (filter, start) => {
      const below = start === null ? null : (stored[start]?.id ?? null);
      const { namespace = null, statuses = keyStatuses.filter((status) => status !== 'revoked') } = filter;
      const { owner, role, type, labels, nameGlob, noExpiry } = filter;
      const found = await store.listKeys({
        ...{ now, limit: 1_000, below, namespace, statuses, owner, role, type, labels, nameGlob, noExpiry },
        expiresBefore: filter.expiresBefore === undefined ? undefined : Date.parse(filter.expiresBefore),
        unusedSince: filter.unusedSince === undefined ? undefined : Date.parse(filter.unusedSince),
      });
      const matches = keyMatcher(filter, now);
      const expected = keys.filter((key) => matches(key) && (below === null || key.id < below));
      expect(found.map(({ id }) => id)).toEqual(expected.map(({ id }) => id));
    }),
    { numRuns },
  );
  await store.close();
}

test('a selection in SQLite finds the keys that keyMatcher finds', () => prove(newDatabasePath(), 3_000));

describe.skipIf(lacksPostgres)(
  `on PostgreSQL${lacksPostgres ? ` (skipped: ${lacksPostgres})` : ''}`,
  async () => {
    const postgres = await startPostgres();

    test('a selection finds the keys that keyMatcher finds', async () => {
      await prove(await postgres.newDatabase(), 2_000);
    });
  },
);
