import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { KeysError } from '../../../src/errors.ts';
import { isWellFormed, mintSecret, secretPrefix } from '../../../src/service/secret-format.ts';

const prefix = fc.constantFrom('keys_', 'acme_', 'A1_');
const printable = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i));

test('a minted secret is prefix, 30 random characters and a checksum, and well formed', () => {
  fc.assert(
    fc.property(prefix, (begin) => {
      const text = mintSecret(begin).reveal();
      expect(text).toMatch(new RegExp(`^${begin}[0-9A-Za-z]{36}$`));
      expect(isWellFormed(text, begin)).toBe(true);
    }),
    { numRuns: 1_000 },
  );
});

test('every change of a single character is noticed', () => {
  for (let round = 0; round < 20; round++) {
    const text = mintSecret('keys_').reveal();
    for (let at = 0; at < text.length; at++) {
      for (const other of [...printable, 'é', '\0', '']) {
        const typed = text.slice(0, at) + other + text.slice(at + 1);
        expect(typed !== text && isWellFormed(typed, 'keys_'), `${at} to ${other}`).toBe(false);
      }
    }
  }
});

test('every swap of two neighbours is noticed', () => {
  for (let round = 0; round < 2_000; round++) {
    const text = mintSecret('keys_').reveal();
    for (let at = 0; at + 1 < text.length; at++) {
      const typed = text.slice(0, at) + text[at + 1] + text[at] + text.slice(at + 2);
      expect(typed !== text && isWellFormed(typed, 'keys_')).toBe(false);
    }
  }
});

test('a swap across the seam of payload and checksum is noticed in every secret there can be', () => {
  // Swapping the last payload character r and the first checksum character c changes the CRC by XOR with a constant D, and
  // the number that the checksum writes by a constant K. Both agree for some CRC only if K is a sum of the bits of D, each
  // added or subtracted: if (K + D) / 2 is a part of D. A CRC below 2^32 begins with 0 to 4, so r and c are such digits.
  for (const r of '01234') {
    for (const c of [...'01234'].filter((digit) => digit !== r)) {
      const d = BigInt((crc32(r) ^ crc32(c)) >>> 0);
      const twice = BigInt((Number(r) - Number(c)) * 62 ** 5) + d;
      expect(twice >= 0n && twice % 2n === 0n && ((twice / 2n) & ~d) === 0n, `${r} ${c}`).toBe(false);
    }
  }
});

test('a text that was not minted is not well formed', () => {
  fc.assert(fc.property(fc.string(), (text) => !isWellFormed(text, 'keys_')));
  fc.assert(fc.property(fc.stringMatching(/^keys_[0-9A-Za-z]{36}$/), (text) => !isWellFormed(text, 'keys_')));
});

test('each of the 62 characters is equally likely', () => {
  const counts = new Map<string, number>();
  const rounds = 4_000;
  for (let round = 0; round < rounds; round++) {
    for (const character of mintSecret('k_').reveal().slice(2, 32)) {
      counts.set(character, (counts.get(character) ?? 0) + 1);
    }
  }
  const expected = (rounds * 30) / 62;
  const chiSquare = [...counts.values()].reduce((sum, n) => sum + (n - expected) ** 2 / expected, 0);
  expect(counts.size).toBe(62);
  // 61 degrees of freedom: a fair alphabet exceeds 150 less than once in 10^8 runs, a modulo bias always does.
  expect(chiSquare).toBeLessThan(150);
});

test('a prefix that a scanner could not recognise is invalid', () => {
  for (const text of ['', '_', 'keys', '1_', 'a b_', 'toolongforaprefix_', 'k_k_', 'ü_']) {
    expect(() => secretPrefix(text), text).toThrow(KeysError);
  }
  expect(secretPrefix('acme_')).toBe('acme_');
});
