import fc from 'fast-check';
import { expect, test } from 'vitest';
import { collectLabel } from '../../commands/options.ts';
import { keyMatcher, keyOrder } from '../../src/filter.ts';
import { globToRegExp } from '../../src/text.ts';
import { fakeKey } from '../fakes/service.ts';

const now = Date.parse('2026-11-21T12:00:00Z');
const holds = (filter: Parameters<typeof keyMatcher>[0], key: Parameters<typeof fakeKey>[0]) =>
  keyMatcher(filter, now)(fakeKey(key));

test('a glob matches exactly what a step-by-step reading of it matches', () => {
  const matches = (glob: string[], text: string[]): boolean => {
    const [first, ...rest] = glob;
    if (first === undefined) return text.length === 0;
    if (first === '*') return matches(rest, text) || (text.length > 0 && matches(glob, text.slice(1)));
    return text.length > 0 && (first === '?' || first === text[0]) && matches(rest, text.slice(1));
  };
  const letters = fc.constantFrom('a', 'b', '.', '*', '?', '\\', '[', '键', '😀', '\n');
  const text = fc.array(letters, { maxLength: 8 });
  fc.assert(
    fc.property(text, text, (glob, name) => {
      expect(globToRegExp(glob.join('')).test(name.join(''))).toBe(matches(glob, name));
    }),
    { numRuns: 20_000 },
  );
});

test('a name that a service made long keeps no pattern busy for hours', () => {
  for (const glob of ['*a*b', '*a*a*a*b', `${'*a'.repeat(100)}b`, `*${'?'.repeat(100)}b`])
    expect(globToRegExp(glob).test('a'.repeat(1_000_000))).toBe(false);
});

test('a label is what stands before and after the first =', () => {
  const name = fc.string({ minLength: 1 }).filter((text) => !text.includes('='));
  fc.assert(
    fc.property(name, fc.string(), (label, value) => {
      const labels = collectLabel(`${label}=${value}`, { other: 'x' });
      expect(Object.entries(labels)).toContainEqual([label, value]);
      expect(Object.getPrototypeOf(labels)).toBe(Object.prototype);
    }),
  );
});

test('what a service cannot tell about a key matches no condition on it', () => {
  const unknown = { status: null, owner: null, type: null, lastUsedAt: null, createdAt: null };
  expect(holds({ statuses: ['active'] }, unknown)).toBe(false);
  expect(holds({ owner: 'alice' }, unknown)).toBe(false);
  expect(holds({ type: 'view' }, unknown)).toBe(false);
  expect(holds({ role: 'viewer' }, { roles: [] })).toBe(false);
  expect(holds({ unusedSince: '2026-11-20T00:00:00Z' }, unknown)).toBe(false);
  expect(holds({}, unknown)).toBe(true);
});

test('a namespace leaves the keys of a service that has none, and no expiry is none at all', () => {
  expect(holds({ namespace: 'a' }, { namespace: null })).toBe(true);
  expect(holds({ namespace: 'a' }, { namespace: 'b' })).toBe(false);
  expect(holds({ noExpiry: true }, { expiresAt: null })).toBe(true);
  expect(holds({ noExpiry: true }, { expiresAt: '2026-11-25T12:00:00Z' })).toBe(false);
});

test('expiring within a time means not expired yet and expired by then', () => {
  const filter = { expiresBefore: '2026-11-25T12:00:00Z' };
  expect(holds(filter, { expiresAt: '2026-11-25T12:00:00Z' })).toBe(true);
  expect(holds(filter, { expiresAt: '2026-11-25T12:00:01Z' })).toBe(false);
  expect(holds(filter, { expiresAt: '2026-11-21T12:00:00Z' })).toBe(false);
  expect(holds(filter, { expiresAt: null })).toBe(false);
});

test('unused since a time: last used before it, or never used and created before it', () => {
  const filter = { unusedSince: '2026-11-10T00:00:00Z' };
  expect(holds(filter, { lastUsedAt: '2026-11-09T00:00:00Z' })).toBe(true);
  expect(holds(filter, { lastUsedAt: '2026-11-10T00:00:00Z' })).toBe(false);
  expect(holds(filter, { lastUsedAt: null, createdAt: '2026-11-09T00:00:00Z' })).toBe(true);
  expect(holds(filter, { lastUsedAt: null, createdAt: '2026-11-11T00:00:00Z' })).toBe(false);
});

test('a label filter is not fooled by names that every object has', () => {
  expect(holds({ labels: { constructor: 'x' } }, { labels: {} })).toBe(false);
});

test('sorting is a total order in both directions, with what is unknown last', () => {
  const names = fc.array(fc.option(fc.string({ maxLength: 3 })), { maxLength: 12 });
  fc.assert(
    fc.property(names, fc.constantFrom('asc', 'desc'), (owners, direction) => {
      const keys = owners.map((owner) => fakeKey({ owner })).sort(keyOrder(`owner:${direction}`));
      const sorted = keys.map(({ owner }) => owner);
      const known = sorted.filter((owner) => owner !== null);
      expect(sorted.slice(known.length).every((owner) => owner === null)).toBe(true);
      for (const [index, owner] of known.slice(1).entries()) {
        const before = known[index] ?? '';
        expect(direction === 'asc' ? before <= owner : before >= owner).toBe(true);
      }
    }),
  );
});
