/** Bodies for the routes that change something, as the OpenAPI document describes them: good ones, and what somebody hostile makes of them. */
import fc from 'fast-check';

export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly additionalProperties?: Schema | boolean;
}

/** Values for fields by their names: what is there, and what the sender would like to be. */
export type Values = Readonly<Record<string, readonly unknown[]>>;

/** A body that the schema takes, with some of its fields. */
export function goodBody(schema: Schema, values: Values, field = ''): fc.Arbitrary<unknown> {
  const known = values[field];
  if (schema.anyOf) return fc.oneof(...schema.anyOf.map((each) => goodBody(each, values, field)));
  if (schema.enum) return fc.constantFrom(...schema.enum);
  if (schema.properties) {
    const fields = Object.entries(schema.properties);
    const arbitraries = fields.map(([name, each]) => [name, goodBody(each, values, name)] as const);
    return fc.record(Object.fromEntries(arbitraries), {
      requiredKeys: [...(schema.required ?? [])],
      noNullPrototype: true,
    });
  }
  if (schema.type === 'array') return fc.array(goodBody(schema.items ?? {}, values, field), { maxLength: 3 });
  if (schema.type === 'object') return fc.dictionary(fc.constantFrom('a', 'b'), fc.constantFrom('1', '2'));
  if (known) return fc.constantFrom(...known);
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  if (type === 'integer') return fc.integer({ min: 0, max: 100 });
  if (type === 'boolean') return fc.boolean();
  if (type === 'null') return fc.constant(null);
  return fc.constantFrom('a', 'b');
}

const strings = [
  ...[
    '',
    ' ',
    '*',
    '.',
    '..',
    '../..',
    '\0',
    'a\0b',
    '\ud800',
    'a\udc00b',
    '\u202eevil',
    '\u001b[31m',
    '%00',
    '%2e%2e',
  ],
  ...[
    "' OR 1=1 --",
    '$1',
    '?',
    '{{7*7}}',
    'é'.repeat(129),
    '😀'.repeat(64),
    'x'.repeat(1_025),
    'x'.repeat(20_000),
  ],
  ...[
    'null',
    'true',
    '__proto__',
    'constructor',
    'toString',
    'admin',
    'owner',
    'root',
    'alice',
    '2026-02-30',
    '+275760-09-13T00:00:00Z',
  ],
];
const numbers = [-1, -0, 0, 1, 1.5, 1e308, -1e308, 2 ** 53, 2 ** 63, 1e-320];

function nested(depth: number): unknown {
  let value: unknown = 'deep';
  for (let i = 0; i < depth; i++) value = i % 2 ? [value] : { a: value };
  return value;
}

/** Any UTF-16 units, also half a character. */
const anyText = fc
  .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 20 })
  .map((units) => String.fromCharCode(...units));

const hostileValue = fc.oneof(
  fc.constantFrom<unknown>(...strings),
  fc.constantFrom<unknown>(...numbers),
  fc.constantFrom<unknown>(null, true, false, [], {}, [[]], [null], { $ne: null }, nested(50), nested(500)),
  fc.constantFrom<unknown>(Array(500).fill('admin'), Array(5_000).fill('a.view'), {
    length: 1e9,
    0: 'admin',
  }),
  anyText,
);

/** What somebody writes into a body in the hope that it is believed. */
const wishes: readonly (readonly [field: string, value: unknown])[] = [
  ...([
    ['role', 'admin'],
    ['role', 'owner'],
    ['roles', ['admin']],
    ['roles', ['owner']],
    ['isAdmin', true],
    ['admin', true],
  ] as const),
  ...([
    ['permissions', ['*']],
    ['permissions', ['keys.create']],
    ['permissions', ['*.*']],
    ['owner', 'root'],
    ['owner', null],
  ] as const),
  ...([
    ['namespace', '*'],
    ['namespace', null],
    ['namespace', 'default'],
    ['type', 'manage'],
    ['status', 'active'],
    ['version', '1'],
  ] as const),
  ...([
    ['memberships', [{ namespace: 'team', role: 'owner' }]],
    ['grants', [{ namespace: null, permissions: ['*'] }]],
  ] as const),
  ...([
    ['hasPassword', false],
    ['password', null],
    ['user', 'boss'],
    ['name', 'root'],
    ['id', 'key_0000000000000000'],
  ] as const),
  ...([
    ['caller', { roles: ['admin'] }],
    ['createdBy', 'root'],
    ['kind', 'machine'],
    ['steppedUp', true],
    ['quota', null],
  ] as const),
  ...([
    ['rateLimit', null],
    ['recoverable', true],
    ['expiresAt', null],
    ['disabledAt', null],
    ['sessionId', 'x'],
  ] as const),
];

type Change = (body: unknown) => unknown;

const change: fc.Arbitrary<Change> = fc.oneof(
  fc.constantFrom(...wishes).map(
    ([field, value]): Change =>
      (body) => ({ ...(body as object), [field]: value }),
  ),
  fc.tuple(fc.nat(), hostileValue).map(
    ([at, value]): Change =>
      (body) =>
        withField(body, at, value),
  ),
  fc.tuple(anyText, hostileValue).map(
    ([field, value]): Change =>
      (body) => ({ ...(body as object), [field]: value }),
  ),
  fc.nat().map(
    (at): Change =>
      (body) =>
        withField(body, at, undefined),
  ),
  fc.constantFrom<Change>(
    (body) => [body],
    (body) => ({ body }),
    (body) => JSON.stringify(body),
  ),
);

/** One of its fields is another value. */
function withField(body: unknown, at: number, value: unknown): unknown {
  if (typeof body !== 'object' || body === null) return value;
  const fields = Object.keys(body);
  const field = fields[at % Math.max(1, fields.length)] ?? 'name';
  return { ...body, [field]: value };
}

/** What JSON.stringify would not write. */
const spoilings: readonly ((text: string) => string)[] = [
  (text) => text.slice(0, -1),
  (text) => text.replace('{', '{"__proto__":{"role":"admin","isAdmin":true},'),
  (text) => text.replace('{', '{"constructor":{"prototype":{"isAdmin":true}},'),
  (text) => text.replace('{', '{"role":"admin","role":"member",'),
  (text) => text.replace('{', '{"n":1e999,'),
  (text) => `\ufeff${text}`,
  (text) => `${text}\0`,
  (text) => '['.repeat(30_000) + text,
  (text) => text.replace('{', `{"labels":${'['.repeat(5_000)}${']'.repeat(5_000)},`),
  () => '',
];

/** The text of a hostile body, made from a good one; now and then the good one itself. */
export function hostileBody(good: fc.Arbitrary<unknown>): fc.Arbitrary<string> {
  const changed = fc
    .tuple(
      fc.oneof({ weight: 9, arbitrary: good }, { weight: 1, arbitrary: hostileValue }),
      fc.oneof(fc.constant([]), fc.array(change, { minLength: 1, maxLength: 2 })),
    )
    .map(
      ([body, changes]) => JSON.stringify(changes.reduce<unknown>((value, each) => each(value), body)) ?? '',
    );
  return fc.oneof(
    { weight: 9, arbitrary: changed },
    {
      weight: 1,
      arbitrary: fc.tuple(changed, fc.constantFrom(...spoilings)).map(([text, spoil]) => spoil(text)),
    },
  );
}
