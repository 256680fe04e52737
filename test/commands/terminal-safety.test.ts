import fc from 'fast-check';
import { expect, test } from 'vitest';
import { identityText } from '../../commands/auth/identity.ts';
import { keyGlance, keyNoun } from '../../commands/key-noun.ts';
import { KeysError } from '../../src/errors.ts';
import type { KeyService } from '../../src/keys.ts';
import { createPrinter, outputFormats } from '../../src/output.ts';
import { drawRecord, drawTable } from '../../src/table.ts';
import { fakeKey, fakeService } from '../fakes/service.ts';
import { collectingSink, newHome } from '../run.ts';

/** Controls, bidirectional and other invisible format characters; the line break that ends a line is ours. */
const dangerous = /[[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]--[\n]]/v;

/** Names as an attacker would choose them. */
const hostile = fc.string({
  unit: fc.oneof(
    fc.constantFrom(
      ...'\u0000\u0007\b\t\n\v\f\r\u001b\u007f\u0085\u009b\u009d\u00ad\u061c\u200b\u200e\u200f\u2028\u2029'.split(
        '',
      ),
      ...'\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff\ufff9\ud800\udfff'.split(''),
      '\u001b[2J',
      '\u001b]0;title\u0007',
      '\u{e0001}',
      '\u{110bd}',
    ),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
    fc.constantFrom('a', ' ', '键', '=', '"', ',', ':'),
  ),
  minLength: 1,
  maxLength: 20,
});

function hostileKey(name: string) {
  return fakeKey({
    id: name,
    name,
    description: name,
    owner: name,
    roles: [name],
    permissions: [name],
    labels: { [`x${name}`]: name },
    extra: { [`y${name}`]: [name] },
  });
}

test('no control or bidi code point of 100,000 names reaches the terminal in any format', async () => {
  const perRun = 100;
  const names = fc.array(hostile, { minLength: perRun, maxLength: perRun });
  const drawing = { columns: 80, color: false, nowMs: 0 };
  let seen = 0;
  await fc.assert(
    fc.asyncProperty(names, async (batch) => {
      const keys = batch.map(hostileKey);
      for (const output of outputFormats) {
        const stdout = collectingSink(true);
        const stdin = { isTerminal: true, readAll: async () => '' };
        const io = { stdin, stdout, stderr: stdout, columns: 80 };
        const printer = createPrinter(io, { output }, false, () => 0);
        if (printer.structured)
          await printer.value(
            batch.map((name) => ({ [`x${name}`]: name })),
            () => '',
          );
        else await printer.rows(keyNoun, [keys]);
        await printer.value(keys[0], () => `${keys[0]?.name}\n`);
        expect(stdout.text()).not.toMatch(dangerous);
      }
      const tsv = collectingSink();
      const piped = {
        stdin: { isTerminal: false, readAll: async () => '' },
        stdout: tsv,
        stderr: tsv,
        columns: 80,
      };
      await createPrinter(piped, {}, false, () => 0).rows(keyNoun, [keys]);
      expect(tsv.text().replaceAll('\t', '')).not.toMatch(dangerous);
      for (const key of keys.slice(0, 3)) expect(drawRecord(keyNoun, key, drawing)).not.toMatch(dangerous);
      expect(drawTable(keyGlance, keys.slice(0, 10), drawing)).not.toMatch(dangerous);
      seen += batch.length;
    }),
    { numRuns: 1_000, endOnFailure: true },
  );
  expect(seen).toBe(100_000);
}, 240_000);

test('who somebody is cannot forge a further line of what is said', () => {
  const forger = {
    id: 'key_1',
    name: 'x\nauthenticated:  no',
    owner: 'y\nz',
    namespace: null,
    roles: ['r\n'],
  };
  expect(identityText(forger)).not.toContain('\n');
});

test('nor does any in what commands say: results, notes, errors, tables before a question, questions and choices', async () => {
  await fc.assert(
    fc.asyncProperty(hostile, async (name) => {
      const key = { ...hostileKey(name), id: 'key_1', expiresAt: name };
      const failing: Partial<KeyService> = {
        disable: async () => {
          throw new KeysError('conflict', name, { hint: name });
        },
      };
      const env = { NO_COLOR: '1' };
      const said: string[] = [];
      const record = (question: string, choices: readonly { name: string; description?: string }[] = []) => {
        said.push(question, ...choices.flatMap((choice) => [choice.name, choice.description ?? '']));
      };
      const runs = [
        ['create', 'x', '--if-absent'],
        ['create', name],
        ['show', 'key_1'],
        ['show', name],
        ['edit', 'key_1', '--name', 'x'],
        ['edit', 'key_1', '--remove-label', 'nope'],
        ['disable', 'key_1'],
        ['disable', 'key_1', 'nope'],
        ['enable', 'key_1', name],
        ['regenerate', 'key_1', '-y'],
        ['revoke', 'key_1', '-y'],
        ['list', '--status', name],
      ];
      for (const argv of runs) {
        for (const terminal of [true, false]) {
          const service = fakeService([{ ...key }, fakeKey({ ...key, id: 'key_2', name: 'x' })], failing);
          const { stdout, stderr } = await newHome().keys(argv, { service, terminal, env });
          expect(stdout.replaceAll('\t', '')).not.toMatch(dangerous);
          expect(stderr).not.toMatch(dangerous);
        }
      }
      for (const verb of ['revoke', 'regenerate', 'show']) {
        const service = fakeService([{ ...key }]);
        const { stderr } = await newHome().keys(verb, {
          service,
          terminal: true,
          env,
          answers: [
            { asked: 'which key?', answer: '' },
            { asked: '', answer: false },
          ].slice(0, verb === 'show' ? 1 : 2),
          onQuestion: record,
        });
        expect(stderr).not.toMatch(dangerous);
      }
      expect(said.length).toBeGreaterThan(0);
      for (const text of said) expect(text).not.toMatch(dangerous);
    }),
    { numRuns: 60 },
  );
}, 120_000);
