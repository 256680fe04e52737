import { expect, test } from 'vitest';
import { forTest } from '../../fakes/open-driver.ts';
import { ververicaFake } from '../../fakes/ververica.ts';
import { newHome } from '../../run.ts';

const token = '/apitokens/v1/namespaces/{namespace}/apitokens/{apiToken}';
const usual = {
  '/apitokens/v1/namespaces/{namespace}/apitokens': { get: {}, post: {} },
  [token]: { get: {}, delete: {} },
};
const properties = { name: {}, role: {}, secret: {}, createTime: {} };

/** Adds a profile for an installation with this document; what was said. */
async function addTo(swagger: unknown): Promise<string> {
  const fake = await forTest(ververicaFake());
  fake.swagger = swagger;
  const home = newHome();
  const { code, stderr } = await home.keys(`profile add vvp --driver ververica --url ${fake.url} -n default`);
  expect(code).toBe(0);
  expect(fake.requests.map(({ path, headers }) => [path, headers.authorization])).toEqual([
    ['/swagger.json', undefined],
  ]);
  expect(await home.json('profile show vvp')).toMatchObject({
    settings: null,
    capabilities: { fields: ['namespace', 'roles'] },
  });
  return stderr;
}

test('profile add tells what an installation of ververica offers beyond the usual, and turns nothing on', async () => {
  const said = await addTo({
    paths: { ...usual, [`${token}:regenerate`]: { post: {} } },
    definitions: { ApiToken: { properties: { ...properties, expireTime: {} } } },
  });
  expect(said).toContain(`POST ${token}:regenerate`);
  expect(said).toContain('besides the usual: expireTime');
  expect(said).toContain(
    `keys auth login -p vvp --set 'regenerate=POST ${token}:regenerate' --set expiryField=expireTime`,
  );
});

test('profile add writes what an installation says of itself as one word of a shell', async () => {
  const said = await addTo({ paths: { ...usual, [`${token}:rotate'; id; '`]: { post: {} } } });
  expect(said).toContain(String.raw`--set 'regenerate=POST ${token}:rotate'\''; id; '\'''`);
});

test('profile add takes a route that does something else with a token for no regenerate', async () => {
  const said = await addTo({
    paths: { ...usual, [`${token}:disable`]: { post: {} }, '/other/{token}:regenerate': { post: {} } },
    definitions: { ApiToken: { properties: { ...properties, lastUsed: {} } } },
  });
  expect(said).toContain(`POST ${token}:disable`);
  expect(said).not.toContain('--set');
});

test('profile add says so when there is nothing beyond the usual', async () => {
  const said = await addTo({ paths: usual, definitions: { ApiToken: { properties } } });
  expect(said).toContain('no route that gives a token a new secret');
  expect(said).toContain('no expiry in a token');
  expect(said).not.toContain('--set');
});

test.each([undefined, 'no document', { paths: 3 }])(
  'profile add adds the profile all the same when /swagger.json is %j',
  async (swagger) => {
    expect(await addTo(swagger)).toContain('could not be read');
  },
);

test('what a profile is told to use shows in what it can do, and a setting nobody knows exits 2', async () => {
  const fake = await forTest(ververicaFake());
  const home = newHome();
  const add = ['profile', 'add', 'vvp', '--driver', 'ververica', '--url', fake.url];
  const unknown = await home.keys([...add, '--set', 'expiry=x']);
  expect(unknown).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('its settings: expiryField, regenerate'),
  });
  const wrong = await home.keys([...add, '--set', 'regenerate=somehow']);
  expect(wrong).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("'POST /…/{namespace}/…/{token}…'"),
  });
  await home.keys([
    ...add,
    '--set',
    'expiryField=expireTime',
    '--set',
    `regenerate=POST ${token}:regenerate`,
  ]);
  const shown = await home.json<{ capabilities: { verbs: string[]; fields: string[] } }>('profile show vvp');
  expect(shown.capabilities.verbs).toContain('regenerate');
  expect(shown.capabilities.fields).toContain('expiresAt');
});
