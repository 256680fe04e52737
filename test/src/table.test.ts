import fc from 'fast-check';
import stringWidth from 'string-width';
import { describe, expect, test } from 'vitest';
import { keyNoun } from '../../commands/key-noun.ts';
import type { Key } from '../../src/keys.ts';
import { drawTable } from '../../src/table.ts';
import { fakeKey } from '../fakes/service.ts';

const now = Date.parse('2026-11-21T00:00:00Z');
const id = 'key_0VbbYNjz4Z6kVgni';
const rows = [
  fakeKey({ id, name: 'ci', roles: ['editor'], owner: 'alice' }),
  fakeKey({
    id,
    name: '持续集成部署密钥',
    expiresAt: '2026-11-25T00:00:00Z',
    lastUsedAt: '2026-11-20T22:00:00Z',
  }),
  fakeKey({ id, name: 'x'.repeat(128), status: 'disabled', roles: ['viewer', 'auditor'] }),
  fakeKey({ id, name: '密'.repeat(128), status: 'expired', expiresAt: '2026-11-01T00:00:00Z' }),
  fakeKey({ id, name: '🚀 café', expiresAt: '2027-11-01T00:00:00Z' }),
];

function draw(keys: Key[], columns: number, color = false): string[] {
  return drawTable(keyNoun, keys, { columns, color, nowMs: now }).trimEnd().split('\n');
}

test('at 80 columns', () => {
  expect(draw(rows, 80).join('\n')).toMatchInlineSnapshot(`
    "ID                    NAME                          STATUS    EXPIRES  LAST USED
    key_0VbbYNjz4Z6kVgni  ci                            active    never
    key_0VbbYNjz4Z6kVgni  持续集成部署密钥              active    in 4d    2h ago
    key_0VbbYNjz4Z6kVgni  xxxxxxxxxxxxxxxxxxxxxxxxxxx…  disabled  never
    key_0VbbYNjz4Z6kVgni  密密密密密密密密密密密密密…   expired   20d ago
    key_0VbbYNjz4Z6kVgni  🚀 café                       active    in 11mo"
  `);
});

test('at 200 columns', () => {
  expect(draw(rows, 200).join('\n')).toMatchInlineSnapshot(`
    "ID                    NAME                                                                                    NAMESPACE  STATUS    TYPE    ROLES           OWNER  LAST FOUR  EXPIRES  LAST USED  CREATED
    key_0VbbYNjz4Z6kVgni  ci                                                                                      default    active    manage  editor          alice  abcd       never               20d ago
    key_0VbbYNjz4Z6kVgni  持续集成部署密钥                                                                        default    active    manage                         abcd       in 4d    2h ago     20d ago
    key_0VbbYNjz4Z6kVgni  xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…  default    disabled  manage  viewer,auditor         abcd       never               20d ago
    key_0VbbYNjz4Z6kVgni  密密密密密密密密密密密密密密密密密密密密密密密密密密密密密密密密密密密密密密密密密密…   default    expired   manage                         abcd       20d ago             20d ago
    key_0VbbYNjz4Z6kVgni  🚀 café                                                                                 default    active    manage                         abcd       in 11mo             20d ago"
  `);
});

describe('at any width', () => {
  const names = fc.array(fc.string({ unit: 'grapheme', maxLength: 128 }), { minLength: 1, maxLength: 5 });

  test('a column begins in the same cell of every line, and no line is wider than the terminal', () => {
    fc.assert(
      fc.property(names, fc.integer({ min: 60, max: 220 }), (given, columns) => {
        const lines = draw(
          given.map((name) => fakeKey({ id, name })),
          columns,
        );
        const status = stringWidth((lines[0] ?? '').split('STATUS')[0] ?? '');
        for (const line of lines) expect(stringWidth(line)).toBeLessThanOrEqual(columns);
        for (const line of lines.slice(1)) {
          expect(line.startsWith(id)).toBe(true);
          expect(stringWidth(line.slice(0, line.lastIndexOf('active')))).toBe(status);
        }
      }),
      { numRuns: 500 },
    );
  });

  test('ids are whole even where the line is too narrow for them', () => {
    for (const line of draw(rows, 10).slice(1)) expect(line.startsWith(id)).toBe(true);
  });
});

describe('colours', () => {
  const line = (key: Partial<Key>) => draw([fakeKey({ id, ...key })], 200, true)[1] ?? '';
  const amber = '\u001b[38;5;166m';
  const red = '\u001b[31m';

  test('a key that expires within 14 days is amber', () => {
    expect(line({ expiresAt: '2026-12-05T00:00:00Z' })).toContain(`${amber}in 14d`);
    expect(line({ expiresAt: '2026-12-05T00:01:00Z' })).not.toContain(amber);
  });

  test('an expired one is red', () => {
    const drawn = line({ status: 'expired', expiresAt: '2026-11-20T00:00:00Z' });
    expect(drawn).toContain(`${red}expired`);
    expect(drawn).toContain(`${red}1d ago`);
  });

  test('a disabled one is dim throughout', () => {
    const drawn = line({ status: 'disabled', expiresAt: '2026-11-22T00:00:00Z' });
    expect(drawn.startsWith('\u001b[2m')).toBe(true);
    expect(drawn).not.toContain(amber);
  });

  test('without colour there is no escape', () => expect(draw(rows, 200).join('')).not.toContain('\u001b'));
});
