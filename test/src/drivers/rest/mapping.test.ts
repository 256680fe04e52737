import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { capabilitiesFrom } from '../../../../src/drivers/rest/capabilities.ts';
import { parseMapping } from '../../../../src/drivers/rest/load.ts';
import { render, renderPath } from '../../../../src/drivers/rest/template.ts';
import { readTime, type TimeFormat, timeFormats, writeTime } from '../../../../src/drivers/rest/times.ts';
import { KeysError } from '../../../../src/errors.ts';
import { Secret } from '../../../../src/secret.ts';
import { refuses } from '../../../contracts/refuses.ts';
import { lostRequest, to } from '../../../fakes/mishaps.ts';
import { forTest } from '../../../fakes/open-driver.ts';
import { openMapping } from '../../../fakes/rest/example.ts';
import { type Reply, startVendorServer, type WireRequest } from '../../../fakes/vendor-server.ts';

const base = 'title: Acme\nkey:\n  id: id\nlist:\n  method: GET\n  path: /keys\n';
const create = 'create: { method: POST, path: /keys, secret: key';

test.each<[string, string, string | RegExp, string | RegExp]>([
  [
    base.replace('  id: id', '  id: id\n  nmae: name'),
    '4:3',
    "there is no field 'nmae'",
    "did you mean 'name'?",
  ],
  [base.replace('/keys', '/a/../b'), '6:3', "no '.' or '..'", 'docs/rest-driver.md'],
  [base.replace('/keys', '/a//b'), '6:3', 'no empty parts', 'docs/rest-driver.md'],
  [base.replace('/keys', '/keys?all=1'), '6:3', 'belongs into query', 'docs/rest-driver.md'],
  [base.replace('/keys', '/keys/{id}'), '6:3', 'there is no {id} here', 'docs/rest-driver.md'],
  [base.replace('id: id', 'id: "a["'), '3:3', 'is no JMESPath expression', 'docs/rest-driver.md'],
  [base.replace('id: id', 'id: "a[].tail(@)"'), '3:3', 'there is no function tail()', 'docs/rest-driver.md'],
  [
    base.replace('id: id', "id: { from: id, pattern: '(' }"),
    '3:19',
    "'(' is no regular expression",
    'docs/rest-driver.md',
  ],
  [base.replace('id: id', 'id: 5'), '3:3', 'must be a JMESPath expression', 'docs/rest-driver.md'],
  [
    base.replace('id: id', 'id: { from: a, patern: x }'),
    '3:18',
    "there is no field 'patern'",
    "did you mean 'pattern'?",
  ],
  [base.replace('GET', 'get'), '5:3', 'a method such as GET or POST', 'docs/rest-driver.md'],
  [
    `${base}create: { method: POST, path: /keys }\n`,
    '7:1',
    'create.secret is missing',
    'docs/rest-driver.md',
  ],
  [`${base}${create}, body: { role: '{roles | [}' } }\n`, '7:59', 'is no JMESPath expression', 'docs/'],
  [`${base}${create}, body: { name: 'a}' } }\n`, '7:59', "a '}' without its '{'", 'docs/'],
  [`${base}${create}, body: { name: '{nmae}' } }\n`, '7:59', 'did you mean {name}?', 'docs/rest-driver.md'],
  [
    `${base}${create}, body: { name: '{setting.team}' } }\n`,
    '7:1',
    'not among the settings',
    'docs/rest-driver.md',
  ],
  [
    `${base}${create}, query: { pw: '{credential}' } }\n`,
    '7:60',
    'there is no {credential} here',
    'docs/rest-driver.md',
  ],
  [`${base}headers: { Authorization: x }\n`, '7:12', 'belongs into auth', 'docs/rest-driver.md'],
  [`${base}headers: { AUTHORIZATION: x }\n`, '7:12', 'is no header to set here', 'docs/'],
  [`${base}headers: { Host: x }\n`, '7:12', 'is no header to set here', 'docs/'],
  [`${base}headers: { content-length: x }\n`, '7:12', 'is no header to set here', 'docs/'],
  [`${base}headers: { Transfer-Encoding: x }\n`, '7:12', 'is no header to set here', 'docs/'],
  [`${base}  headers: { X-Pw: '{credential}' }\n`, '7:14', 'there is no {credential} here', 'docs/'],
  [
    `${base}${create}, headers: { X-Pw: '{credential}' } }\n`,
    '7:62',
    'there is no {credential} here',
    'docs/',
  ],
  [`${base}auth: { header: 5 }\n`, '7:9', 'auth.header must be text', 'docs/rest-driver.md'],
  [
    `${base}auth: { header: 'X Y' }\n`,
    '7:9',
    "auth.header: 'X Y' is no name of a header",
    'docs/rest-driver.md',
  ],
  [
    `${base}errors: { codes: { 404: nope } }\n`,
    '7:20',
    'must be one of invalid, not_found',
    'docs/rest-driver.md',
  ],
  [
    `${base}${create}, body: { name: {name} } }\n`,
    '7:59',
    "{name} needs quotes: '{name}'",
    'docs/rest-driver.md',
  ],
  [
    `${base}revoke: { method: DELETE, path: /keys/{id} }\n`,
    '7:39',
    "takes quotes: '/keys/{id}'",
    'docs/rest-driver.md',
  ],
  [`${base}  query: { filter: { owner: me } }\n`, '7:12', 'must be text, a number', 'docs/rest-driver.md'],
  [`${base}  query: { after: }\n`, '7:12', 'must be text, a number', 'docs/rest-driver.md'],
  ['title: A\nkey: { id: id }\n', '1:1', 'list is missing; it must be a call', 'docs/rest-driver.md'],
  ['title: A\nkey: { name: n }\nlist: { method: GET, path: /k }\n', '2:1', 'key.id is missing', 'docs/'],
  [
    'title: A\nkey: { id: id }\nlist: { path: /k }\n',
    '3:1',
    /list\.method is missing$/,
    'docs/rest-driver.md',
  ],
  [`${base}revoke: { method: DELETE, path: {id} }\n`, '7:27', 'must be text; put quotes around it', 'docs/'],
  [
    `${base}  paging: { style: page, next: cursor }\n`,
    '7:26',
    "there is no field 'next' in list.paging",
    /^known here: style, start, size, total$/,
  ],
  [
    `${base}instead: { rotate: roll it }\n`,
    '7:12',
    "there is no field 'rotate' in instead",
    /known here: create, get, edit, disable, /,
  ],
  [`${base}maxActiveKeys: 0\n`, '7:1', 'maxActiveKeys must be positive', 'docs/rest-driver.md'],
  [
    `${base}errors: { texts: [{ contains: taken, code: conflict, statsu: 400 }] }\n`,
    '7:54',
    "there is no field 'statsu' in errors.texts.0",
    "did you mean 'status'?",
  ],
  [base.replace('GET', '5'), '5:3', 'list.method must be text', 'docs/rest-driver.md'],
  [`${base}headers: { X-For: *.all }\n`, '7:19', "takes quotes: '*.all'", 'docs/rest-driver.md'],
  ['title: A\n a: b: c\n', '1:8', 'Nested mappings', 'docs/rest-driver.md'],
  ['', '1:1', 'at least title, key and list', 'docs/rest-driver.md'],
])('a mapping that is wrong is told with line, column and what to write: %#', (text, place, what, hint) => {
  let thrown: unknown;
  try {
    parseMapping('acme.yaml', text);
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(KeysError);
  const { message, hint: said } = thrown as KeysError;
  expect(message).toContain(`acme.yaml:${place}: `);
  expect(message).toMatch(what);
  expect(said).toMatch(hint);
});

test('a service can do what its mapping says, and a mapping that says nothing promises nothing', () => {
  const least = capabilitiesFrom(parseMapping('acme.yaml', base));
  expect(least).toMatchObject({
    verbs: ['list', 'get'],
    fields: [],
    editable: [],
    pages: false,
    untold: ['owner', 'lastUsedAt'],
  });
  for (const absent of ['maxActiveKeys', 'nameless', 'revocationDelayMs'])
    expect(least).not.toHaveProperty(absent);
  const told = base.replace('id: id', 'id: id\n  owner: user');
  const revoke = 'revoke: { method: DELETE, path: "/keys/{id}", delay: 60s }';
  const paging = "  query: { page: '{page}' }\n  paging: { style: page }";
  const nameless = `${create}, body: { role: '{role}' } }`;
  const text = `${told}${paging}\nmaxActiveKeys: 3\n${revoke}\n${nameless}\n`;
  expect(capabilitiesFrom(parseMapping('acme.yaml', text))).toMatchObject({
    verbs: ['list', 'get', 'create', 'revoke'],
    fields: ['roles'],
    pages: true,
    untold: ['lastUsedAt'],
    maxActiveKeys: 3,
    nameless: true,
    revocationDelayMs: 60_000,
  });
  const named = parseMapping('acme.yaml', `${base}${create}, body: { name: '{name}' } }\n`);
  expect(capabilitiesFrom(named)).not.toHaveProperty('nameless');
});

test('what to do in place of a missing verb, and what a person should know, is what the mapping says', () => {
  const calls = `${base}${create}, body: { name: '{name}', who: '{owner}' }, requires: [owner, roles] }\n`;
  const text = `${calls}instead: { revoke: ask Ann }\nnotes: [keys are slow]\n`;
  const { instead, notes } = capabilitiesFrom(parseMapping('acme.yaml', text));
  expect(instead).toMatchObject({ revoke: 'ask Ann', edit: 'use the web interface of the service' });
  expect(notes).toEqual(['a new key needs: --owner, --role', 'keys are slow']);
});

test('a file that is larger than a mapping ever is is refused, and one as large is read', () => {
  const padded = (length: number) => `${base}#`.padEnd(length, 'x');
  expect(parseMapping('acme.yaml', padded(262_144)).title).toBe('Acme');
  expect(() => parseMapping('acme.yaml', padded(262_145))).toThrow('is larger than a mapping ever is');
});

test('whatever text a mapping is, it is read or refused, and never anything else', () => {
  const text = fc.oneof(
    fc.string(),
    fc.array(fc.constantFrom(...base.split('\n'), ' a: {{', '- x')).map((l) => l.join('\n')),
  );
  fc.assert(
    fc.property(text, (source) => {
      try {
        parseMapping('x.yaml', source);
      } catch (error) {
        expect(error).toBeInstanceOf(KeysError);
        expect((error as KeysError).code).toBe('invalid');
      }
    }),
  );
});

test('no value of a path leads elsewhere, whatever it is', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.constantFrom('..', '../../admin', '%2e%2e', 'a/../b', '\\..\\', '\ud800'),
      ),
      (id) => {
        let path: string;
        try {
          path = renderPath('/keys/{id}/roll', { id });
        } catch (error) {
          expect((error as KeysError).code).toBe('not_found');
          return;
        }
        const url = new URL(path, 'https://keys.example');
        expect(url.host).toBe('keys.example');
        expect(url.search + url.hash).toBe('');
        const segments = url.pathname.split('/');
        expect(segments).toHaveLength(4);
        expect([segments[1], segments[3]]).toEqual(['keys', 'roll']);
      },
    ),
  );
});

test('a template gives values with their type, and leaves out what has none', () => {
  const values = { name: 'ci', roles: ['a', 'b'], expiresAt: null, ttl: 60 };
  const template = {
    name: '{name}',
    both: 'x-{name}-{ttl}s',
    roles: '{roles | [].{name: @}}',
    until: '{expiresAt}',
    gone: '{description}',
    some: ['{owner}', '{ttl}'],
    braces: '{{name}}',
  };
  expect(render(template, values)).toEqual({
    name: 'ci',
    both: 'x-ci-60s',
    roles: [{ name: 'a' }, { name: 'b' }],
    until: null,
    some: [60],
    braces: '{name}',
  });
});

test.each(timeFormats)('a time of the form %s is read as it was written, and never later', (format) => {
  const now = Date.parse('2026-06-01T10:00:00.000Z');
  fc.assert(
    fc.property(fc.date({ min: new Date(now), max: new Date('2100-01-01'), noInvalidDate: true }), (date) => {
      const read = readTime(writeTime(date.toISOString(), format, now), format, now);
      const lost = date.getTime() - Date.parse(read ?? '');
      expect(lost).toBeGreaterThanOrEqual(format === 'seconds-from-now' ? -500 : 0);
      expect(lost).toBeLessThan(format === 'date' ? 86_400_000 : 1_000);
    }),
  );
  for (const odd of ['', 'soon', null, {}, [], '2026-02-30', Number.NaN, 1e300])
    expect(readTime(odd, format, now)).toBeNull();
});

test('milliseconds that are taken for seconds are no time, for no year has five digits', () => {
  expect(readTime(1_760_000_000_000, 'epoch-seconds', 0)).toBeNull();
  expect(readTime(1_760_000_000_000, 'epoch-milliseconds', 0)).toBe('2025-10-09T08:53:20.000Z');
});

test.each([
  ['until', 1_760_000_000, true],
  ['until', 'in March', true],
  ['{ from: until, time: epoch-seconds }', 1_760_000_000_000, true],
  ['{ from: until, time: epoch-seconds, never: 0 }', 0, false],
  ['until', null, false],
  ['until', '', false],
  ['until', '0001-01-01T00:00:00Z', false],
])('an expiry at %s that is %s is refused in a list by expiry: %s', async (from, until, isOdd) => {
  const server = await forTest(startVendorServer(() => ({ status: 200, body: [{ id: 'k', until }] })));
  const mapping = parseMapping('acme.yaml', base.replace('id: id', `id: id\n  expiresAt: ${from}`));
  const service = openMapping(mapping, server);
  expect((await service.list({})).keys).toMatchObject([{ id: 'k', expiresAt: null }]);
  const byExpiry = service.list({ noExpiry: true });
  if (isOdd) await refuses('bad_response', byExpiry, /expiresAt in its mapping/);
  else expect((await byExpiry).keys).toHaveLength(1);
});

/** A service of numbered keys, paged by `page` and `limit`; a key more on each page asked for, as long as it `grows`. */
async function paged(
  paging: string,
  answer: (request: WireRequest, keys: { id: string }[]) => Reply,
  before?: (keys: { id: string }[]) => void,
) {
  const keys = Array.from({ length: 7 }, (_, index) => ({ id: `k${index}` }));
  const server = await forTest(
    startVendorServer((request) => {
      before?.(keys);
      return answer(request, keys);
    }),
  );
  const query = "\n  query: { all: 1, page: '{page}', offset: '{offset}', cursor: '{cursor}' }";
  const mapping = parseMapping('x.yaml', `${base.trimEnd()}${query}\n  items: keys\n  paging: ${paging}\n`);
  const service = openMapping(mapping, server, { http: { backoffMs: 0 } });
  return { server, keys, service, ids: async () => (await service.list({})).keys.map(({ id }) => id).sort() };
}

function numbered({ query }: WireRequest, keys: { id: string }[]): Reply {
  const start = (Number(query.get('page')) - 1) * 3;
  return {
    status: 200,
    headers: { 'x-total': String(keys.length) },
    body: { keys: keys.slice(start, start + 3) },
  };
}

test.each(['{ style: page, size: 3, total: { header: x-total } }', '{ style: page, size: 3 }'])(
  'a list that changes while it is paged (%s) has every key that stays, once',
  async (paging) => {
    let asked = 0;
    const { ids } = await paged(paging, numbered, (keys) => {
      if (++asked === 2) keys.shift();
      if (asked === 3) keys.unshift({ id: 'new' });
    });
    expect(await ids()).toEqual(['k1', 'k2', 'k3', 'k4', 'k5', 'k6', 'new']);
  },
);

test.each<[string, (request: WireRequest, keys: { id: string }[]) => Reply]>([
  ['is empty', numbered],
  [
    'is not there',
    (request, keys) =>
      request.query.get('page') === '3' ? { status: 404, body: {} } : numbered(request, keys),
  ],
  ['is the last one again', ({ query }, keys) => from(query.get('page') === '1' ? 0 : 4, 4, keys)],
])(
  'a key that moves to a page which was read already is not lost: the page after the last %s',
  async (_, answer) => {
    let asked = 0;
    const { ids } = await paged('{ style: page, size: 4 }', answer, (keys) => {
      if (++asked === 2) keys.shift();
    });
    expect(await ids()).toEqual(['k1', 'k2', 'k3', 'k4', 'k5', 'k6']);
  },
);

test('a page that begins with what was seen already is no end of the list', async () => {
  let asked = 0;
  const { ids } = await paged('{ style: page, size: 5 }', numbered, (keys) => {
    if (++asked === 2) keys.unshift({ id: 'new' });
  });
  expect(await ids()).toEqual(['k0', 'k1', 'k2', 'k3', 'k4', 'k5', 'k6', 'new']);
});

test('a list is read once where a total that fits tells of a change, or where it has one page; else twice', async () => {
  const total = await paged('{ style: page, size: 3, total: { header: x-total } }', numbered);
  await total.ids();
  expect(total.server.requests.map(({ query }) => query.get('page'))).toEqual(['1', '2', '3']);
  const low = await paged('{ style: page, size: 3, total: total }', ({ query }, keys) =>
    from((Number(query.get('page')) - 1) * 3, 3, keys, { total: 5 }),
  );
  await low.ids();
  expect(low.server.requests.map(({ query }) => query.get('page'))).toEqual([...'12', ...'12']);
  const one = await paged('{ style: page }', ({ query }, keys) =>
    from(query.get('page') === '1' ? 0 : 7, 7, keys),
  );
  await one.ids();
  expect(one.server.requests.map(({ query }) => query.get('page'))).toEqual(['1', '2']);
  const blind = await paged('{ style: page, size: 3 }', numbered);
  await blind.ids();
  expect(blind.server.requests.map(({ query }) => query.get('page'))).toEqual([...'1234', ...'1234']);
});

test('without start and size the first page is 1, and 100 keys are asked for', async () => {
  const server = await forTest(startVendorServer(() => ({ status: 200, body: [] })));
  const list = "  query: { page: '{page}', offset: '{offset}', limit: '{limit}' }\n  paging: { style: ";
  for (const style of ['page', 'offset'])
    await openMapping(parseMapping('x.yaml', `${base}${list}${style} }\n`), server).list({});
  expect(server.requests.map(({ query }) => query.toString())).toEqual([
    'page=1&limit=100',
    'offset=0&limit=100',
  ]);
});

test.each([
  [
    '{ style: page, size: 3 }',
    (_: WireRequest, keys: { id: string }[]) => ({ status: 200, body: { keys: keys.slice(0, 3) } }),
  ],
  [
    '{ style: page, size: 5, total: total }',
    (_: WireRequest, keys: { id: string }[]) => from(0, 3, keys, { total: 7 }),
  ],
  ['{ style: cursor, next: next }', () => ({ status: 200, body: { keys: [{ id: 'a' }], next: 'same' } })],
  [
    '{ style: link, next: next }',
    () => ({ status: 200, body: { keys: [{ id: 'a' }], next: '/keys?page=1' } }),
  ],
])('a page that repeats (%s) ends with bad_response (exit 12), and soon', async (paging, answer) => {
  const { ids, server } = await paged(paging, answer);
  await refuses('bad_response', ids());
  expect(server.requests.length).toBeLessThanOrEqual(10);
});

/** The keys from `start` on, no more than `most` at once. */
function from(start: number, most: number, keys: { id: string }[], more = {}): Reply {
  return { status: 200, body: { keys: keys.slice(start, start + most), ...more } };
}

test.each<[string, string, (request: WireRequest, keys: { id: string }[]) => Reply]>([
  [
    'gives fewer a page than it is asked for',
    '{ style: page, size: 5 }',
    ({ query }, keys) => from((Number(query.get('page')) - 1) * 3, 3, keys),
  ],
  [
    'gives fewer than it is asked for, by offset',
    '{ style: offset, size: 5 }',
    ({ query }, keys) => from(Number(query.get('offset')), 3, keys),
  ],
  [
    'says 404 of the page after the last',
    '{ style: page, size: 7 }',
    ({ query }, keys) => (query.get('page') === '1' ? from(0, 7, keys) : { status: 404, body: {} }),
  ],
  [
    'refuses the page after a last one that is not full',
    '{ style: page, size: 4 }',
    ({ query }, keys) =>
      Number(query.get('page')) < 3
        ? from((Number(query.get('page')) - 1) * 4, 4, keys)
        : { status: 400, body: {} },
  ],
  [
    'gives the last page again',
    '{ style: page, size: 4 }',
    ({ query }, keys) => from(query.get('page') === '1' ? 0 : 4, 4, keys),
  ],
  ['gives everything whatever page is asked for', '{ style: page }', (_, keys) => from(0, 100, keys)],
])('a list without a total is whole on a service that %s', async (_, paging, answer) => {
  const { ids } = await paged(paging, answer);
  expect(await ids()).toEqual(['k0', 'k1', 'k2', 'k3', 'k4', 'k5', 'k6']);
});

test('a first page that is not there, or one before the total is reached, is not_found (exit 3), never the end', async () => {
  const nowhere = await paged('{ style: page, size: 3 }', () => ({ status: 404, body: {} }));
  await refuses('not_found', nowhere.ids());
  const cut = await paged('{ style: page, size: 3, total: total }', ({ query }, keys) =>
    query.get('page') === '1' ? from(0, 3, keys, { total: 7 }) : { status: 404, body: {} },
  );
  await refuses('not_found', cut.ids());
});

test('a page refused after a full one is that error, never a list that is cut', async () => {
  const { ids } = await paged('{ style: page, size: 3 }', ({ query }, keys) =>
    query.get('page') === '1' ? from(0, 3, keys) : { status: 400, body: {} },
  );
  await refuses('invalid', ids());
});

test.each([
  ['before its first page', '{ style: page, start: 9, size: 3, total: total }'],
  ['in the middle', '{ style: page, start: 2, size: 3, total: total }'],
  ['by offset', '{ style: offset, size: 3, total: total }'],
])('a list that ends %s and not at its total is bad_response (exit 12), never cut', async (where, paging) => {
  const { ids } = await paged(paging, ({ query }, keys) => {
    const start = where === 'by offset' ? Number(query.get('offset')) : (Number(query.get('page')) - 1) * 3;
    return from(start, 3, where === 'by offset' ? keys.slice(0, 4) : keys, { total: 7 });
  });
  await refuses('bad_response', ids(), /ends after [04] of 7/);
});

test('two keys with one id are bad_response (exit 12), never one key; the same entry twice is one', async () => {
  const list = (...keys: object[]) => ({ status: 200, body: { keys } });
  const { ids } = await paged('{ style: cursor, next: next }', () =>
    list({ id: 'alice', name: 'a' }, { id: 'alice', name: 'b' }),
  );
  await refuses('bad_response', ids());
  const twice = await paged('{ style: page, size: 3 }', ({ query }) =>
    query.get('page') === '1' ? list({ id: 'a' }, { id: 'b' }, { id: 'a' }) : list(),
  );
  expect(await twice.ids()).toEqual(['a', 'b']);
});

test('a Link header among others, or with several relations, is followed', async () => {
  const links = ['</style.css>; rel=preload', '</keys?page=2>; title="x"; rel="last next"'];
  const server = createServer((request, response) => {
    const first = request.url === '/keys';
    if (first) response.setHeader('link', links);
    response.setHeader('content-type', 'application/json').end(JSON.stringify([{ id: first ? 'a' : 'b' }]));
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  onTestFinished(() => void server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const text = `${base}  paging: { style: link, next: { header: link } }\n`;
  const service = openMapping(parseMapping('acme.yaml', text), { url });
  expect((await service.list({})).keys.map(({ id }) => id).sort()).toEqual(['a', 'b']);
  await service.close();
});

test.each([
  ['data.keys', { data: { keys: null } }, true],
  ['data.tokens', { data: { keys: null } }, false],
  ['data.keys', { data: null }, false],
  ['data.keys', null, false],
  ['data.keys[0]', { data: { keys: null } }, false],
  [null, null, true],
  [null, {}, false],
])(
  'the list at %s of %j is empty: %s; what is none is bad_response (exit 12)',
  async (items, body, isEmpty) => {
    const server = await forTest(startVendorServer(() => ({ status: 200, body })));
    const text = items === null ? base : `${base}  items: ${items}\n`;
    const list = openMapping(parseMapping('acme.yaml', text), server).list({});
    if (isEmpty) expect((await list).keys).toEqual([]);
    else await refuses('bad_response', list);
  },
);

test('an expiry of less than a second is refused where a service counts seconds and 0 is never', async () => {
  const server = await forTest(startVendorServer(() => ({ status: 200, body: {} })));
  const mapping = base.replace(
    '  id: id',
    '  id: id\n  expiresAt: { from: x, send: seconds-from-now, never: 0 }',
  );
  const text = `${mapping}${create}, body: { ttl: '{expiresAt}' } }\n`;
  const service = openMapping(parseMapping('acme.yaml', text), server);
  const expiresAt = new Date(Date.now() + 400).toISOString();
  await refuses('invalid', service.create({ name: 'ci', expiresAt }));
  expect(server.requests).toEqual([]);
  await service.close();
});

test('a next page of `false` is none, and one that is no address is bad_response (exit 12)', async () => {
  const cursor = await paged('{ style: cursor, next: next }', (_, keys) => from(0, 9, keys, { next: false }));
  expect(await cursor.ids()).toHaveLength(7);
  expect(cursor.server.requests).toHaveLength(1);
  const link = await paged('{ style: link, next: next }', (_, keys) =>
    from(0, 9, keys, { next: 'http://[' }),
  );
  await refuses('bad_response', link.ids());
});

test.each([200, 202])('a minted secret is kept also where status %d was not expected', async (status) => {
  const server = await forTest(
    startVendorServer(() => ({ status, body: { id: 'k1', name: 'ci', key: 'sk_1' } })),
  );
  const calls = `${base}${create}, success: [201] }\nregenerate: { method: POST, path: '/keys/{id}/roll', secret: key, key: '@', success: [201] }\n`;
  const service = openMapping(parseMapping('acme.yaml', calls), server);
  expect((await service.create({ name: 'ci' })).secret.reveal()).toBe('sk_1');
  expect((await service.regenerate('k1')).secret.reveal()).toBe('sk_1');
  server.befall({ instead: { status, body: { id: 'k1' } } });
  await refuses('bad_response', service.create({ name: 'ci' }));
  await service.close();
});

test('a minted secret is kept also where the key cannot be read back', async () => {
  const server = await forTest(startVendorServer(() => ({ status: 201, body: { id: 'k1', key: 'sk_1' } })));
  server.befall({ on: to('GET', /./), times: 9, instead: { status: 403, body: {} } });
  const service = openMapping(parseMapping('acme.yaml', `${base}${create}, readBack: true }\n`), server);
  const { key, secret } = await service.create({ name: 'ci' });
  expect([key.id, secret.reveal()]).toEqual(['k1', 'sk_1']);
});

test('a success of another status than its mapping has is no revocation, but bad_response (exit 12)', async () => {
  const server = await forTest(startVendorServer(() => ({ status: 200, body: {} })));
  const revoke = "revoke: { method: DELETE, path: '/keys/{id}', success: [204] }\n";
  const service = openMapping(parseMapping('acme.yaml', base + revoke), server);
  await refuses('bad_response', service.revoke('k1'), /status 200, where its mapping has 204/);
});

test('an answer without the id that is looked for there says of no secret that it is good, and of no credential who it is', async () => {
  const server = await forTest(startVendorServer(() => ({ status: 200, body: { login: 'required' } })));
  const calls = `${base}verify: { method: GET, path: /me, id: id }\nwhoami: { method: GET, path: /me, id: id }\n`;
  const service = openMapping(parseMapping('acme.yaml', calls), server);
  await refuses('bad_response', service.verify(new Secret('sk_1')), /there is no id at 'id'/);
  await refuses('bad_response', service.whoami(), /there is nothing at 'id'/);
});

test('verify presents the secret in the scheme that the profile has chosen, and one that no header can carry is unknown', async () => {
  const server = await forTest(
    startVendorServer(({ headers }) => ({ status: headers['x-api-key'] === 'sk_1' ? 200 : 401, body: {} })),
  );
  const mapping = parseMapping('acme.yaml', `${base}verify: { method: GET, path: /me }\n`);
  const service = openMapping(mapping, server, { profile: { authScheme: 'x-api-key' } });
  expect((await service.verify(new Secret('sk_1'))).valid).toBe(true);
  expect(await service.verify(new Secret('né'))).toEqual({ valid: false, reason: 'unknown', key: null });
  await service.close();
});

test('an id that is a secret is its hash also where the service says who asks, or whose secret it is', async () => {
  const id = 'the-secret-itself';
  const server = await forTest(
    startVendorServer(({ path }) => ({ status: 200, body: path === '/me' ? { id } : [{ id }] })),
  );
  const calls = 'verify: { method: GET, path: /me, id: id }\nwhoami: { method: GET, path: /me, id: id }\n';
  const text = base.replace('id: id', 'id: { from: id, isSecret: true }') + calls;
  const service = openMapping(parseMapping('acme.yaml', text), server);
  const [key] = (await service.list({})).keys;
  expect(key?.id).toMatch(/^[0-9a-f]{32}$/);
  expect((await service.whoami()).id).toBe(key?.id);
  expect(await service.verify(new Secret(id))).toMatchObject({ valid: true, key: { id: key?.id } });
});

test('a secret that stands in a body may be any text, and is good unless its key is known to be not', async () => {
  const verify = "verify: { method: POST, path: /check, body: { value: '{secret}' }, id: id }\n";
  const text = base.replace(
    'id: id',
    'id: id\n  status: { from: state, values: { active: on, disabled: off } }',
  );
  const verdictOn = async (state: string) => {
    const server = await forTest(
      startVendorServer(({ method }) => ({
        status: 200,
        body: method === 'POST' ? { id: 'k' } : [{ id: 'k', state }],
      })),
    );
    const verdict = await openMapping(parseMapping('acme.yaml', text + verify), server).verify(
      new Secret('né'),
    );
    expect(server.requests[0]?.body).toEqual({ value: 'né' });
    return verdict;
  };
  expect(await verdictOn('on')).toMatchObject({ valid: true, reason: null, key: { id: 'k' } });
  expect(await verdictOn('frozen')).toMatchObject({ valid: true, reason: null, key: { status: null } });
  expect(await verdictOn('off')).toMatchObject({ valid: false, reason: 'disabled' });
});

test('of a service that says nothing of who asks it is enough that it answers', async () => {
  const server = await forTest(startVendorServer(() => ({ status: 200, body: {} })));
  const service = openMapping(
    parseMapping('acme.yaml', `${base}whoami: { method: GET, path: /me }\n`),
    server,
  );
  expect(await service.whoami()).toEqual({ id: null, name: null, owner: null, namespace: null, roles: [] });
});

test('a new key without an id is looked up by its name, and not guessed at where several are called so', async () => {
  const name = base.replace('id: id', 'id: id\n  name: name');
  const create = "create: { method: POST, path: /keys, body: { name: '{name}' }, secret: secret }\n";
  const made = async (...ids: string[]) => {
    const list = ids.map((id) => ({ id, name: 'ci' }));
    const server = await forTest(
      startVendorServer(({ method }) => ({
        status: 200,
        body: method === 'POST' ? { secret: 's3cr3t' } : list,
      })),
    );
    return openMapping(parseMapping('acme.yaml', name + create), server).create({ name: 'ci' });
  };
  expect((await made('k1')).key).toMatchObject({ id: 'k1', name: 'ci' });
  await refuses('bad_response', made('k1', 'k2'), /does not say which/);
});

test('a deletion that is refused where its first request was lost is never taken for done', async () => {
  const server = await forTest(startVendorServer(() => ({ status: 403, body: {} })));
  const revoke = "revoke: { method: DELETE, path: '/keys/{id}' }\n";
  server.befall({ ...lostRequest });
  const service = openMapping(parseMapping('acme.yaml', base + revoke), server, { http: { backoffMs: 0 } });
  await refuses('outcome_unknown', service.revoke('k1'), /status 403/);
  expect(server.requests).toHaveLength(2);
});

test('with basic, user and password can stand in a body, and the header is not shown by an error that repeats it', async () => {
  const server = await forTest(
    startVendorServer(({ headers }) => ({ status: 400, body: { why: headers.authorization } })),
  );
  const list = "method: POST\n  body: { user: '{credential.user}', password: '{credential.password}' }";
  const text = `${base.replace('method: GET', list)}auth: basic\nerrors: { message: why }\n`;
  const service = openMapping(parseMapping('acme.yaml', text), { ...server, credential: 'ann:pass:word' });
  await refuses('invalid', service.list({}), /^Basic \[secret\]\n/);
  expect(server.requests[0]?.body).toEqual({ user: 'ann', password: 'pass:word' });
});

test('several roles where a call has room for one are refused, and none is left out in silence', async () => {
  const server = await forTest(startVendorServer(() => ({ status: 200, body: { id: 'k1', key: 'sk_1' } })));
  const body = "body: { role: '{role}' }";
  const calls = `${base}${create}, ${body} }\nedit: { method: PUT, path: '/keys/{id}', ${body} }\n`;
  const service = openMapping(parseMapping('acme.yaml', calls), server);
  const roles = ['viewer', 'editor'];
  await refuses('invalid', service.create({ name: 'ci', roles }), /has one role/);
  await refuses('invalid', service.edit('k1', { roles }), /has one role/);
  expect(server.requests).toEqual([]);
});

test('a credential without a colon is refused where basic wants user and password, and not shown', async () => {
  const open = () =>
    openMapping(parseMapping('acme.yaml', `${base}auth: basic\n`), {
      url: 'http://127.0.0.1:9',
      credential: 'hunter2',
    });
  expect(open).toThrow(expect.objectContaining({ code: 'invalid' }));
  expect(open).not.toThrow(/hunter2/);
});

test('a base path of several slashes stays on its host', async () => {
  const server = await forTest(startVendorServer(() => ({ status: 200, body: [] })));
  const service = openMapping(parseMapping('acme.yaml', base), { ...server, base: '//other.example/v1' });
  expect((await service.list({})).keys).toEqual([]);
  expect(server.requests[0]?.path).toBe('//other.example/v1/keys');
  await service.close();
});

test.each([
  ['items: keys', { data: { rows: [] } }, "there is no array at 'keys'; there is one at 'data.rows'"],
  ['', { data: { rows: [] } }, "there is no array; there is one at 'data.rows'"],
  ['', { page: 1, count: 0 }, 'there is no array; the answer has page, count'],
  ['', {}, 'the answer is empty'],
  ['', 7, 'the answer is no object'],
])('a list that is not at %j of %j tells what is there', async (items, body, told) => {
  const server = await forTest(startVendorServer(() => ({ status: 200, body })));
  const service = openMapping(parseMapping('acme.yaml', `${base}  ${items}\n`), server);
  await expect(service.list({})).rejects.toMatchObject({
    code: 'bad_response',
    message: expect.stringContaining(told),
    hint: expect.stringContaining('list.items'),
  });
  await service.close();
});

test('a next page on another host is untrusted (exit 13), and not asked for', async () => {
  const elsewhere = await forTest(startVendorServer(() => ({ status: 200, body: { keys: [] } })));
  const { ids } = await paged('{ style: link, next: next }', () => ({
    status: 200,
    body: { keys: [{ id: 'a' }], next: `${elsewhere.url}/keys` },
  }));
  await refuses('untrusted', ids());
  expect(elsewhere.requests).toEqual([]);
});

test('a Link header is followed by its rel="next"', async () => {
  const { ids, server } = await paged('{ style: link, next: { header: Link } }', ({ query }) => ({
    status: 200,
    ...(!query.get('page') && { headers: { link: '</x>; rel="prev", </keys?page=2>; rel="next"' } }),
    body: { keys: [{ id: query.get('page') === '2' ? 'b' : 'a' }] },
  }));
  expect(await ids()).toEqual(['a', 'b']);
  expect(server.requests.map(({ query }) => query.toString())).toEqual(['all=1', 'page=2']);
});

test('an edit that is not of the whole key sends what it names, also where the key was read for its version', async () => {
  const wire = { id: 'k1', name: 'ci', about: 'nightly', etag: 'v1' };
  const server = await forTest(startVendorServer(() => ({ status: 200, body: [wire] })));
  const key = '  id: id\n  name: name\n  description: about\n  version: etag';
  const edit =
    "edit: { method: PATCH, path: '/keys/{id}', body: { name: '{name}', about: '{description}' } }\n";
  const mapping = parseMapping('acme.yaml', `${base.replace('  id: id', key)}${edit}`);
  await openMapping(mapping, server).edit('k1', { name: 'cd' }, 'v1');
  expect(server.requests.find(({ method }) => method === 'PATCH')?.body).toEqual({ name: 'cd' });
});

test.each([3, 5])(
  'a 401 in the middle of paging is unauthenticated (exit 4), never a list that is half: 3 of %i asked for a page',
  async (size) => {
    const { ids, server } = await paged(`{ style: page, size: ${size} }`, numbered);
    server.befall({ on: to('GET', /keys/), after: 1, times: 9, instead: { status: 401, body: {} } });
    await refuses('unauthenticated', ids());
  },
);

test('an edit of a key that is sent whole never takes away an expiry that cannot be read', async () => {
  const wire = { id: 'k1', name: 'ci', until: 'next week' };
  const server = await forTest(startVendorServer(() => ({ status: 200, body: [wire] })));
  const edit = (body: string) => {
    const call = `edit: { method: PUT, path: '/keys/{id}', whole: true, body: ${body} }\n`;
    const text = base.replace('id: id', 'id: id\n  name: name\n  expiresAt: until') + call;
    return openMapping(parseMapping('acme.yaml', text), server);
  };
  const everything = edit("{ name: '{name}', until: '{expiresAt}' }");
  await refuses('bad_response', everything.edit('k1', { name: 'cd' }), /when ci expires .* cannot be read/);
  expect(server.requests.map(({ method }) => method)).not.toContain('PUT');
  await everything.edit('k1', { expiresAt: '2999-01-31T12:00:00.000Z' });
  await edit("{ name: '{name}' }").edit('k1', { name: 'cd' });
  expect(server.requests.flatMap(({ body }) => body ?? [])).toEqual([
    { name: 'ci', until: '2999-01-31T12:00:00.000Z' },
    { name: 'cd' },
  ]);
});

test('an edit of a key that is sent whole keeps all that it does not name', async () => {
  const wire = {
    id: 'k1',
    name: 'ci',
    about: 'nightly',
    labels: { team: 'core' },
    scopes: ['reader', 'odd'],
    rights: ['a.get'],
    until: 1_893_456_000,
  };
  const server = await forTest(startVendorServer(() => ({ status: 200, body: [wire] })));
  const key = `  id: id
  name: name
  description: about
  labels: labels
  roles: { from: scopes, values: { viewer: reader } }
  permissions: rights
  expiresAt: { from: until, time: epoch-seconds }`;
  const body =
    "{ name: '{name}', about: '{description}', labels: '{labels}', scopes: '{roles}', rights: '{permissions}', until: '{expiresAt}' }";
  const edit = `edit: { method: PUT, path: '/keys/{id}', whole: true, body: ${body} }\n`;
  const mapping = parseMapping('acme.yaml', `${base.replace('  id: id', key)}${edit}`);
  await openMapping(mapping, server).edit('k1', { name: 'cd' });
  const { id: _id, ...rest } = wire;
  expect(server.requests.find(({ method }) => method === 'PUT')?.body).toEqual({ ...rest, name: 'cd' });
});

test('a status and a type that nobody has heard of are absent, and roles stay as they are', async () => {
  const wire = { id: 1, state: 'frozen', kind: 'robot', role: 'emperor' };
  const server = await forTest(startVendorServer(() => ({ status: 200, body: [wire] })));
  const mapping = base.replace(
    '  id: id',
    '  id: id\n  status: state\n  type: { from: kind, values: { view: reader } }\n  roles: { from: role, values: { viewer: reader } }',
  );
  const service = openMapping(parseMapping('acme.yaml', mapping), server);
  expect((await service.list({})).keys).toMatchObject([{ status: null, type: null, roles: ['emperor'] }]);
  await service.close();
});

test('an id that is a number beyond 2^53 keeps every digit', async () => {
  const { ids } = await paged('{ style: cursor, next: next }', () => ({
    status: 200,
    body: { keys: [{ id: 9007199254740993123n }] },
  }));
  expect(await ids()).toEqual(['9007199254740993123']);
});

test.each([
  [422, { why: ' Name is TAKEN ' }, 'conflict', 'Name is TAKEN'],
  [400, { why: 'name is taken' }, 'invalid', 'name is taken'],
  [400, { why: ['too short ', '', 7] }, 'invalid', 'too short; 7'],
  [400, { why: [] }, 'invalid', 'the service answered with status 400 and no explanation'],
  [418, { why: '' }, 'quota_exceeded', 'the service answered with status 418 and no explanation'],
  [200, { ok: [], error: ['no'], why: 'odd' }, 'invalid', 'odd'],
  [201, { error: 'no' }, 'forbidden', 'the service answered with status 201 and no explanation'],
] as const)('an answer with status %d of %j is %s: %s', async (status, body, code, message) => {
  const server = await forTest(startVendorServer(() => ({ status, body })));
  const errors =
    'errors: { message: why, failed: error, codes: { 418: quota_exceeded, 201: forbidden }, texts: [{ contains: Taken, status: 422, code: conflict }] }\n';
  const service = openMapping(parseMapping('acme.yaml', base + errors), server);
  await expect(service.list({})).rejects.toMatchObject({ code, message });
});

test.each<[unknown, TimeFormat, string | null]>([
  [' 2027-01-31 ', 'date', '2027-01-31T00:00:00.000Z'],
  ['2027-01-31 12:00:00.5', 'utc', '2027-01-31T12:00:00.500Z'],
  ['2027-01-31T12:00:00Z', 'utc', '2027-01-31T12:00:00.000Z'],
  ['2027-01-31T12:00:00+01:00', 'utc', '2027-01-31T11:00:00.000Z'],
  ['253402300799999', 'epoch-milliseconds', '9999-12-31T23:59:59.999Z'],
  [253_402_300_800_000, 'epoch-milliseconds', null],
  ['1801396800.5', 'epoch-seconds', '2027-01-31T12:00:00.500Z'],
  ['1801396800 or so', 'epoch-seconds', null],
  ['', 'seconds-from-now', null],
  [true, 'seconds-from-now', null],
  [['60'], 'seconds-from-now', null],
])('%j as a time of the form %s is %s', (value, format, time) => {
  expect(readTime(value, format, 0)).toBe(time);
});

test('a time without a zone is written without one', () => {
  expect(writeTime('2027-01-31T12:00:00.000Z', 'utc', 0)).toBe('2027-01-31T12:00:00.000');
});

const midnight = Date.parse('2027-01-31T00:00:00.000Z');

test.each([
  ['{ from: x, choices: [7d, 30d] }', midnight + 8 * 86_400_000, /does not take every expiry/],
  ['{ from: x, choices: [7d, 30d] }', midnight + 7 * 86_400_000 - 50_000, '2027-02-07T00:00:00.000Z'],
  ['{ from: x, send: date }', midnight + 3_600_000, /2027-01-31 has begun/],
  ['{ from: x, send: date }', midnight + 86_400_000, '2027-02-01'],
  ['{ from: x, send: seconds-from-now }', midnight + 90_000, 90],
  ['{ from: x, send: epoch-seconds }', midnight + 1_999, midnight / 1_000 + 1],
])('an expiry of %s at %d is sent as, or refused with, %s', async (field, ms, sent) => {
  const server = await forTest(startVendorServer(() => ({ status: 200, body: { id: 'k1', key: 'sk_1' } })));
  const text = `${base.replace('id: id', `id: id\n  expiresAt: ${field}`)}${create}, body: { until: '{expiresAt}' } }\n`;
  const service = openMapping(parseMapping('acme.yaml', text), server, { parts: { now: () => midnight } });
  const creating = service.create({ name: 'ci', expiresAt: new Date(ms).toISOString() });
  if (sent instanceof RegExp) await refuses('invalid', creating, sent);
  else await creating;
  expect(server.requests.map(({ body }) => body)).toEqual(sent instanceof RegExp ? [] : [{ until: sent }]);
});

test('what a service has no word for is refused by its name, before any request', async () => {
  const server = await forTest(startVendorServer(() => ({ status: 200, body: [] })));
  const key =
    '  id: id\n  roles: { from: r, values: { viewer: r } }\n  type: { from: t, values: { view: v } }';
  const body = "body: { role: '{role}', type: '{type}' }";
  const text = `${base.replace('  id: id', key)}${create}, ${body} }\n`;
  const service = openMapping(parseMapping('acme.yaml', text), server);
  await refuses('invalid', service.create({ name: 'ci', roles: ['owner'] }), /Acme has no role 'owner'/);
  await refuses('invalid', service.create({ name: 'ci', type: 'manage' }), /Acme has no type 'manage'/);
  expect(server.requests).toEqual([]);
});

test('a key without a name goes by its id, has the labels that are a map, and the extras that its mapping names', async () => {
  const wire = [
    { id: 'k1', tags: 'prod', where: { zone: 'eu' } },
    { id: 'k2', tags: { level: 3, nested: ['a'] }, where: null },
  ];
  const server = await forTest(startVendorServer(() => ({ status: 200, body: wire })));
  const text = base.replace('id: id', 'id: id\n  name: name\n  labels: tags\n  extra: { zone: where.zone }');
  const { keys } = await openMapping(parseMapping('acme.yaml', text), server).list({});
  expect(keys.map(({ name, labels, extra }) => ({ name, labels, extra }))).toEqual([
    { name: 'k1', labels: {}, extra: { zone: 'eu' } },
    { name: 'k2', labels: { level: '3', nested: '["a"]' }, extra: { zone: null } },
  ]);
});
