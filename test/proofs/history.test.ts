/** The checker itself: what must be found is found, and what is possible is not. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Call, type Operation, unexplained } from './history.ts';

const first = new Map([['k', 'a']]);

function verify(secret: string, answer: 'valid' | 'disabled' | 'unknown'): Call {
  return { verb: 'verify', secret, answer };
}

const done = (verb: 'revoke' | 'disable' | 'enable'): Call => ({ verb, answer: 'done' });

const regenerate = (secret: string): Call => ({ verb: 'regenerate', answer: 'done', secret });

/** Each call with its start and end, every one by a client of its own. */
function history(...calls: [start: number, end: number, call: Call][]): Operation[] {
  return calls.map(([start, end, call], n) => ({ ...call, client: `c${n}`, key: 'k', start, end }));
}

describe('a history is found in which', () => {
  const impossible: Record<string, Operation[]> = {
    'a verify accepts after a revoke has ended': history(
      [0, 1, done('revoke')],
      [2, 3, verify('a', 'valid')],
    ),
    'a verify accepts while the key is disabled': history(
      [0, 1, done('disable')],
      [2, 3, verify('a', 'valid')],
      [4, 5, done('enable')],
    ),
    'a verify accepts the old secret after a regenerate has ended': history(
      [0, 1, regenerate('b')],
      [2, 3, verify('a', 'valid')],
    ),
    'an enable lets a revoked key in again': history(
      [0, 1, done('revoke')],
      [2, 3, done('enable')],
      [4, 5, verify('a', 'valid')],
    ),
    'the secrets of two regenerates at once are both good': history(
      [0, 9, regenerate('b')],
      [0, 9, regenerate('c')],
      [10, 11, verify('b', 'valid')],
      [12, 13, verify('c', 'valid')],
    ),
    'a verify accepts again after another saw the revoke that still runs': history(
      [0, 9, done('revoke')],
      [1, 2, verify('a', 'unknown')],
      [3, 4, verify('a', 'valid')],
    ),
    'a secret is refused that was good all along': history(
      [0, 1, verify('a', 'unknown')],
      [2, 3, done('revoke')],
    ),
    'a new secret is refused after its regenerate has ended': history(
      [0, 1, regenerate('b')],
      [2, 3, verify('b', 'unknown')],
    ),
    'a secret is refused after an enable has ended': history(
      [0, 1, done('disable')],
      [2, 3, done('enable')],
      [4, 5, verify('a', 'disabled')],
    ),
    'a verify says disabled and nobody disabled it': history([0, 1, verify('a', 'disabled')]),
    'a regenerate succeeds after a revoke has ended': history(
      [0, 1, done('revoke')],
      [2, 3, regenerate('b')],
    ),
    'a change is refused as one to a revoked key before any revoke': history(
      [0, 1, { verb: 'disable', answer: 'conflict' }],
      [2, 3, done('revoke')],
    ),
  };
  test.each(Object.entries(impossible))('%s', (_, operations) => {
    expect(unexplained(operations, first)).toHaveLength(1);
  });
});

describe('a history is possible in which', () => {
  const possible: Record<string, Operation[]> = {
    'a verify accepts that began before the revoke ended': history(
      [0, 4, done('revoke')],
      [3, 9, verify('a', 'valid')],
    ),
    'verifies during a revoke see it one after the other': history(
      [0, 9, done('revoke')],
      [1, 2, verify('a', 'valid')],
      [3, 4, verify('a', 'unknown')],
      [5, 6, verify('a', 'unknown')],
    ),
    'an enable lets a disabled key in again': history(
      [0, 1, done('disable')],
      [2, 3, verify('a', 'disabled')],
      [4, 5, done('enable')],
      [6, 7, verify('a', 'valid')],
    ),
    'one of two regenerates at once came last': history(
      [0, 9, regenerate('b')],
      [0, 9, regenerate('c')],
      [10, 11, verify('b', 'unknown')],
      [12, 13, verify('c', 'valid')],
    ),
    'a disable of a disabled key is the one that counts after an enable': history(
      [0, 1, done('disable')],
      [0, 9, done('disable')],
      [2, 9, done('enable')],
      [10, 11, verify('a', 'disabled')],
    ),
    'a disabled key is revoked and then unknown': history(
      [0, 1, done('disable')],
      [2, 3, done('revoke')],
      [4, 5, verify('a', 'unknown')],
      [6, 7, done('revoke')],
      [8, 9, { verb: 'regenerate', answer: 'conflict' }],
    ),
  };
  test.each(Object.entries(possible))('%s', (_, operations) => {
    expect(unexplained(operations, first)).toEqual([]);
  });
});

const anyCall: fc.Arbitrary<Call> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      verb: fc.constant('verify' as const),
      secret: fc.constantFrom('a', 'b', 'c'),
      answer: fc.constantFrom('valid' as const, 'disabled' as const, 'unknown' as const),
    }),
  },
  fc.record({
    verb: fc.constantFrom('revoke' as const, 'disable' as const, 'enable' as const),
    answer: fc.constantFrom('done' as const, 'done' as const, 'conflict' as const),
  }),
  fc.record({
    verb: fc.constant('regenerate' as const),
    answer: fc.constant('done' as const),
    secret: fc.constantFrom('b', 'c'),
  }),
);

const anyHistory = fc
  .array(fc.tuple(fc.nat(8), fc.integer({ min: 1, max: 8 }), anyCall), { maxLength: 6 })
  .map((calls) =>
    history(...calls.map(([start, ms, call]): [number, number, Call] => [start, start + ms, call])),
  );

test('the checker agrees with trying every order of up to 6 calls', () => {
  let possible = 0;
  let impossible = 0;
  fc.assert(
    fc.property(anyHistory, (operations) => {
      const explained = unexplained(operations, first).length === 0;
      if (explained) possible += 1;
      else impossible += 1;
      expect(explained).toBe(hasOrder(operations, { secret: 'a', disabled: false, revoked: false }));
    }),
    { numRuns: 5_000 },
  );
  expect(Math.min(possible, impossible)).toBeGreaterThan(100);
});

/** The plainest way to say the same. */
function hasOrder(
  left: readonly Operation[],
  key: { secret: string; disabled: boolean; revoked: boolean },
): boolean {
  if (left.length === 0) return true;
  return left.some((operation) => {
    if (left.some(({ end }) => end < operation.start)) return false;
    const rest = left.filter((other) => other !== operation);
    switch (operation.verb) {
      case 'verify': {
        const known = !key.revoked && key.secret === operation.secret;
        const answer = !known ? 'unknown' : key.disabled ? 'disabled' : 'valid';
        return answer === operation.answer && hasOrder(rest, key);
      }
      case 'revoke':
        return operation.answer === 'done' && hasOrder(rest, { ...key, revoked: true });
      default: {
        if (operation.answer === 'conflict') return key.revoked && hasOrder(rest, key);
        if (key.revoked) return false;
        const changed =
          operation.verb === 'regenerate'
            ? { secret: operation.secret }
            : { disabled: operation.verb === 'disable' };
        return hasOrder(rest, { ...key, ...changed });
      }
    }
  });
}
