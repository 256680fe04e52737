/** What a mapping says of the fields of a key, read and sent as docs/rest-driver.md has it. */
import { expect, test } from 'vitest';
import { parseMapping } from '../../../../src/drivers/rest/load.ts';
import { refuses } from '../../../contracts/refuses.ts';
import { forTest } from '../../../fakes/open-driver.ts';
import { openMapping } from '../../../fakes/rest/example.ts';
import { startVendorServer } from '../../../fakes/vendor-server.ts';

const nowMs = Date.parse('2027-01-31T00:00:00.000Z');
const past = '2026-12-31T00:00:00.000Z';
const future = '2027-12-31T00:00:00.000Z';

/** A service that holds these keys, as a mapping with these fields reads it, with an edit and a create that send `body`. */
async function service(fields: string, keys: object[], body = '{}') {
  const server = await forTest(
    startVendorServer(({ method }) => ({
      status: 200,
      body: method === 'POST' ? { id: 'k9', secret: 'sk_9' } : keys,
    })),
  );
  const text = `title: Acme
key:
  id: id
${fields.trim().replaceAll(/^ */gm, '  ')}
list: { method: GET, path: /keys }
create: { method: POST, path: /keys, body: ${body}, secret: secret }
edit: { method: PUT, path: '/keys/{id}', whole: true, body: ${body} }
`;
  const opened = openMapping(parseMapping('acme.yaml', text), server, { parts: { now: () => nowMs } });
  return { service: opened, server, listed: async () => (await opened.list({})).keys };
}

test('every field of a key is where its mapping says', async () => {
  const said = {
    name: 'ci',
    description: 'nightly',
    namespace: 'core',
    owner: 'ann',
    type: 'manage',
    roles: ['viewer'],
    permissions: ['a.get'],
    apiVersion: '2',
    status: 'disabled',
    prefix: 'sk_',
    lastFour: 'xY9z',
    createdAt: past,
    createdBy: 'bob',
    expiresAt: future,
    lastUsedAt: '2027-01-01T00:00:00.000Z',
    rotatedAt: '2027-01-02T00:00:00.000Z',
    labels: { team: 'core' },
    version: 'v7',
  };
  const places = Object.keys(said).map((name) => `${name}: the.${name}`);
  const { listed } = await service(places.join('\n'), [{ id: 'k1', the: said }]);
  expect(await listed()).toMatchObject([{ id: 'k1', ...said }]);
});

test('an active key is expired by the clock, also where its service has no status; a disabled one stays so', async () => {
  const keys = [
    { id: 'k1', state: 'on', until: past },
    { id: 'k2', state: 'on', until: future },
    { id: 'k3', state: 'off', until: past },
  ];
  const statuses = async (fields: string) =>
    (await (await service(fields, keys)).listed()).map(({ id, status }) => [id, status]).sort();
  expect(
    await statuses('expiresAt: until\nstatus: { from: state, values: { active: on, disabled: off } }'),
  ).toEqual([
    ['k1', 'expired'],
    ['k2', 'active'],
    ['k3', 'disabled'],
  ]);
  expect((await statuses('expiresAt: until')).map(([, status]) => status)).toEqual([
    'expired',
    'active',
    'expired',
  ]);
  expect((await statuses('name: id')).map(([, status]) => status)).toEqual(['active', 'active', 'active']);
});

test('of a list of words any is read, and the first is sent', async () => {
  const fields = `
    roles: { from: r, values: { viewer: [v, view] } }
    permissions: { from: p, values: { 'keys.get': [7, 8] } }`;
  const body = "{ r: '{roles}', p: '{permissions}' }";
  const { service: acme, server, listed } = await service(fields, [{ id: 'k1', r: 'view', p: [8] }], body);
  expect(await listed()).toMatchObject([{ roles: ['viewer'], permissions: ['keys.get'] }]);
  await acme.create({ name: 'ci', roles: ['viewer'], permissions: ['keys.get'] });
  expect(server.requests.at(-1)?.body).toEqual({ r: ['v'], p: [7] });
  for (const roles of [['owner'], ['constructor']])
    await refuses('invalid', acme.create({ name: 'ci', roles }), /Acme has no role/);
});

test('no expiry is sent as what stands for none, by an edit also where nothing is said of it', async () => {
  const { service: acme, server } = await service(
    'name: name\nexpiresAt: { from: until, time: epoch-seconds, never: 0 }',
    [{ id: 'k1', name: 'ci', until: 0 }],
    "{ name: '{name}', until: '{expiresAt}' }",
  );
  await acme.create({ name: 'new', expiresAt: null });
  await acme.edit('k1', { name: 'cd' });
  const sent = server.requests.flatMap(({ body }) => body ?? []);
  expect(sent).toEqual([
    { name: 'new', until: 0 },
    { name: 'cd', until: 0 },
  ]);
});

test('a constant stands in where a key does not say it', async () => {
  const fields = 'owner: { from: user, constant: nobody }\napiVersion: { constant: 2 }';
  const { listed } = await service(fields, [{ id: 'k1' }, { id: 'k2', user: 'ann' }]);
  expect((await listed()).map(({ id, owner, apiVersion }) => [id, owner, apiVersion]).sort()).toEqual([
    ['k1', 'nobody', '2'],
    ['k2', 'ann', '2'],
  ]);
});

test('the length of a name is counted in characters, however many units a character takes', async () => {
  const { service: acme, server } = await service('name: { from: name, maxLength: 3 }', []);
  await acme.create({ name: '🔑🔑🔑' });
  await refuses('invalid', acme.create({ name: '🔑🔑🔑x' }), /has at most 3 characters/);
  expect(server.requests).toHaveLength(1);
});
