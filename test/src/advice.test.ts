import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { byUrgency, type Finding, findingNames, findingsOn, type Limits } from '../../src/advice.ts';
import { type Key, keyStatuses } from '../../src/keys.ts';
import { ownCapabilities } from '../../src/own-capabilities.ts';
import { fakeKey } from '../fakes/service.ts';

const now = Date.parse('2026-11-21T12:00:00Z');
const day = 86_400_000;
const usual: Limits = { expiringWithinMs: 14 * day, unusedForMs: 90 * day, olderThanMs: 180 * day };
const at = (days: number, ms = 0) => new Date(now + days * day + ms).toISOString();

function found(fields: Partial<Key>, limits = usual): string[] {
  const key = fakeKey({ createdAt: at(-1), expiresAt: at(60), ...fields });
  const parts = { limits, service: ownCapabilities, nowMs: now };
  return findingsOn(key, findingNames, parts).map(({ finding }) => finding);
}

test.each<[string, Partial<Key>, string[]]>([
  ['a young key that expires and is used', {}, []],
  ['one that never expires', { expiresAt: null }, ['no-expiry']],
  ['one that expires in 14 days', { expiresAt: at(14) }, ['expiring']],
  ['one that expires a moment later', { expiresAt: at(14, 1) }, []],
  ['one last used 90 days ago', { createdAt: at(-100), lastUsedAt: at(-90) }, []],
  ['one last used a moment before that', { createdAt: at(-100), lastUsedAt: at(-90, -1) }, ['unused']],
  ['an old one that was never used', { createdAt: at(-91) }, ['unused']],
  ['one whose secret is 180 days old', { createdAt: at(-180), lastUsedAt: at(-1) }, []],
  ['one whose secret is older', { createdAt: at(-180, -1), lastUsedAt: at(-1) }, ['old-secret']],
  ['an old one that was regenerated', { createdAt: at(-400), rotatedAt: at(-10), lastUsedAt: at(-1) }, []],
  ['one that administers', { roles: ['viewer', 'Owner'] }, ['broad']],
  ['one with a role that only begins so', { roles: ['owners-list'] }, []],
  ['a disabled one', { status: 'disabled', expiresAt: null, roles: ['owner'] }, ['disabled']],
  ['an expired one', { status: 'expired', expiresAt: at(-1), roles: ['owner'] }, ['expired']],
  ['a revoked one', { status: 'revoked', expiresAt: null }, []],
  ['one of which the service tells no status', { status: null, expiresAt: null }, ['no-expiry']],
  ['one of which it tells no time', { createdAt: null, rotatedAt: null, lastUsedAt: null }, []],
])('of %s', (_, fields, names) => {
  expect(found(fields)).toEqual(names);
});

const time = fc.option(fc.integer({ min: -500, max: 500 }).map((days) => at(days)));
const anyKey = fc.record({
  status: fc.option(fc.constantFrom(...keyStatuses)),
  roles: fc.subarray(['viewer', 'editor', 'owner']),
  createdAt: time,
  rotatedAt: time,
  lastUsedAt: time,
  expiresAt: time,
});

test('less patience never finds less', () => {
  const days = fc.integer({ min: 0, max: 400 }).map((amount) => amount * day);
  fc.assert(
    fc.property(anyKey, days, days, (fields, one, other) => {
      const [less, more] = [Math.min(one, other), Math.max(one, other)];
      const impatient = found(fields, { expiringWithinMs: more, unusedForMs: less, olderThanMs: less });
      const patient = found(fields, { expiringWithinMs: less, unusedForMs: more, olderThanMs: more });
      expect(impatient).toEqual(expect.arrayContaining(patient));
    }),
  );
});

describe('the order of a report', () => {
  const finding = fc.record({
    finding: fc.constantFrom(...findingNames),
    id: fc.uuid(),
    time,
  }) as fc.Arbitrary<Finding>;

  test('is by kind, then by time, and the same whichever way the keys came', () => {
    fc.assert(
      fc.property(fc.uniqueArray(finding, { selector: ({ id }) => id }), (findings) => {
        const sorted = findings.toSorted(byUrgency);
        expect(findings.toReversed().toSorted(byUrgency)).toEqual(sorted);
        const kinds = sorted.map((each) => findingNames.indexOf(each.finding));
        expect(kinds).toEqual(kinds.toSorted((a, b) => a - b));
        for (const kind of findingNames) {
          const times = sorted.filter((each) => each.finding === kind).map((each) => each.time ?? '');
          expect(times).toEqual(times.toSorted());
        }
      }),
    );
  });
});
