import { describe, expect, test } from 'vitest';
import { type ErrorCode, exitCodes, KeysError } from '../../../src/errors.ts';
import type { Capabilities } from '../../../src/keys.ts';
import { findMinted, mint } from '../../../src/operations/mint.ts';
import type { Operation } from '../../../src/operations/operation.ts';
import { fakeKey, fakeService } from '../../fakes/service.ts';

const operation: Operation = {
  ...{ schema: 1, id: 'op_0123456789abcdef', command: 'create', profile: 'x', origin: 'https://x' },
  ...{ idempotencyKey: 'A'.repeat(32), request: { kind: 'create', key: { name: 'ci' } }, key: null },
  ...{ minted: null, destinations: [], attempted: [], delivered: [], force: false, graceMs: 0 },
  ...{ check: null, state: 'intended', startedAt: '2026-11-02T00:00:00.000Z' },
};

const exitOf = (code: ErrorCode) => exitCodes().find(({ codes }) => codes.includes(code))?.exit ?? 0;

/** Exit codes after which nothing was minted; of 2 and 7 these are not, since an earlier attempt may have minted. */
const sureExits = new Set([2, 3, 4, 5, 6, 7, 11, 13]);
const unsure: readonly ErrorCode[] = ['idempotency_mismatch', 'timeout'];
const codes = exitCodes().flatMap((row) => row.codes);

test.each(codes)(
  'a mint that fails with %s exits as that only if nothing was minted, else 10',
  async (code) => {
    const service = fakeService([], { create: () => Promise.reject(new KeysError(code, 'no')) });
    const isSure = (sureExits.has(exitOf(code)) && !unsure.includes(code)) || code === 'secret_gone';
    await expect(mint(service, operation)).rejects.toMatchObject({ code: isSure ? code : 'outcome_unknown' });
  },
);

test.each(['interrupted', 'terminated'] as const)(
  'a mint that is %s says what may have happened',
  async (code) => {
    const service = fakeService([], { create: () => Promise.reject(new KeysError(code, 'stopped')) });
    await expect(mint(service, operation)).rejects.toMatchObject({
      message: 'stopped while the service may have been minting',
      hint: `keys recover ${operation.id}`,
    });
  },
);

describe('what an operation may have minted on a service that cannot repeat a mint', () => {
  const young = '2026-11-02T00:00:01.000Z';
  const keys = [
    fakeKey({ id: 'by-label', name: 'other', labels: { operation: operation.id } }),
    fakeKey({ id: 'by-description', name: 'other', description: `nightly [${operation.id}]` }),
    fakeKey({
      id: 'another-label',
      labels: { operation: 'op_ffffffffffffffff' },
      name: 'ci',
      createdAt: young,
    }),
    fakeKey({ id: 'older', name: 'ci', createdAt: '2026-11-01T23:57:59.000Z' }),
    fakeKey({ id: 'by-another-clock', name: 'ci', createdAt: '2026-11-01T23:58:01.000Z' }),
    fakeKey({ id: 'of-unknown-age', name: 'ci', createdAt: null }),
    fakeKey({ id: 'other-name', name: 'other', createdAt: young }),
    fakeKey({ id: 'other-name-unknown-age', name: 'other', createdAt: null }),
  ];
  const guesses = ['another-label', 'by-another-clock', 'of-unknown-age'];

  async function found(more: Partial<Capabilities>, asked = operation): Promise<string[]> {
    const { capabilities } = fakeService();
    const service = fakeService(keys, { capabilities: { ...capabilities, ...more }, minting: undefined });
    return (await findMinted(service, asked)).map(({ id }) => id);
  }

  test.each<[string, Partial<Capabilities>, string[]]>([
    ['that keeps labels: the key with its mark', { fields: ['labels', 'description'] }, ['by-label']],
    ['that keeps descriptions: the key with its mark', { fields: ['description'] }, ['by-description']],
    ['that keeps neither: the keys of its name since it began', { fields: [] }, guesses],
    [
      'without names: all keys since it began',
      { fields: [], nameless: true },
      [...guesses, 'other-name', 'other-name-unknown-age'],
    ],
  ])('%s', async (_what, capabilities, expected) => {
    expect(await found(capabilities)).toEqual(expected);
  });

  test('for a new secret of a key that was there: none', async () => {
    const request = { kind: 'regenerate', id: 'older', graceMs: 0, version: null } as const;
    expect(await found({ fields: [] }, { ...operation, command: 'regenerate', request })).toEqual([]);
  });
});
