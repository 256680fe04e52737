import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canonicalJson } from '../../src/canonical-json.ts';

test('the same value is the same text, in whatever order its fields stand, and can be read back', () => {
  const shuffled = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(shuffled);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value)
        .reverse()
        .map(([name, field]) => [name, shuffled(field)]),
    );
  };
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const plain = JSON.parse(JSON.stringify(value)) as unknown;
      expect(canonicalJson(shuffled(plain))).toBe(canonicalJson(plain));
      expect(JSON.parse(canonicalJson(plain))).toEqual(plain);
    }),
  );
});

test('the examples of RFC 8785', () => {
  const fields = {
    '\u20ac': 'Euro',
    '\r': 'CR',
    '\ufb33': 'Hebrew',
    '1': 'One',
    '\ud83d\ude00': 'Smiley',
    '\u0080': 'C',
    '\u00f6': 'o',
  };
  expect(canonicalJson(fields)).toBe(
    '{"\\r":"CR","1":"One","\u0080":"C","ö":"o","€":"Euro","\ud83d\ude00":"Smiley","\ufb33":"Hebrew"}',
  );
  expect(canonicalJson([56, { d: true, 10: null, 1: [] }, 1e30, 4.5, 0.002, 1e-27])).toBe(
    '[56,{"1":[],"10":null,"d":true},1e+30,4.5,0.002,1e-27]',
  );
});
