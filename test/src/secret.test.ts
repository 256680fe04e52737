import { inspect } from 'node:util';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Redactor, Secret } from '../../src/secret.ts';

const text = 'keys_p+ss/w"rd and more';

test.each<[string, string]>([
  ['as it is', text],
  ['in a URL', encodeURIComponent(text)],
  ['in JSON', JSON.stringify({ text })],
  ['in base64', Buffer.from(text).toString('base64')],
  ['in base64 for URLs', Buffer.from(text).toString('base64url')],
  ['in base64 with a line break at its end', Buffer.from(`${text}\n`).toString('base64')],
])('a secret that is known is taken out of a text, %s', (_how, said) => {
  const redactor = new Redactor();
  redactor.know(new Secret(text));
  const shown = redactor.redact(`the service said ${said}`);
  expect(shown).toContain('[secret]');
  for (const part of [said.slice(0, 12), text.slice(0, 12)]) expect(shown).not.toContain(part);
});

test('of two secrets that begin alike neither leaves its end behind', () => {
  const redactor = new Redactor();
  for (const each of ['keys_abc', 'keys_abcdefgh']) redactor.know(new Secret(each));
  expect(redactor.redact('keys_abcdefgh keys_abc')).toBe('[secret] [secret]');
});

test('a short secret is not looked for in base64', () => {
  const redactor = new Redactor();
  redactor.know(new Secret('pw1'));
  expect(redactor.redact(Buffer.from('pw1').toString('base64'))).toBe('cHcx');
});

test('any secret is taken out of any text', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1, unit: 'binary' }), fc.string(), fc.string(), (secret, a, b) => {
      // Not made of what is put in its place.
      fc.pre(!/[[secrt\]]/.test(secret));
      const redactor = new Redactor();
      redactor.know(new Secret(secret));
      expect(redactor.redact(`${a}${secret}${b}`)).not.toContain(secret);
    }),
  );
});

test('a secret that is printed, logged or serialised shows a placeholder', () => {
  const secret = new Secret(text);
  for (const shown of [`${secret}`, JSON.stringify({ secret }), inspect({ secret })])
    expect(shown).not.toContain('keys_p');
});
