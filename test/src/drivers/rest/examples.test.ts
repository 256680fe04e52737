/** The mappings of docs/examples/rest, each through the contract of all key services, on a stand-in for its service. */
import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { capabilitiesFrom } from '../../../../src/drivers/rest/capabilities.ts';
import { keyServiceContract } from '../../../contracts/key-service.ts';
import { to } from '../../../fakes/mishaps.ts';
import { forTest } from '../../../fakes/open-driver.ts';
import { exampleMapping, openExample } from '../../../fakes/rest/example.ts';
import { exampleFakes } from '../../../fakes/rest/index.ts';
import { unleashFake } from '../../../fakes/rest/unleash.ts';

const longDescription = { 'create refuses a description of 1,001 characters': 'the service takes it' };
const namesRepeat = { 'the name of a live key is taken': 'names are not unique' };

/** What a service cannot pass, by example and test. */
const skips: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  strapi: longDescription,
  unleash: namesRepeat,
  verdaccio: {
    'a created key is shown as it was created, with a secret': 'the service keeps no names',
    'the name of a live key is taken': 'the service keeps no names',
  },
  keystone: longDescription,
  gitlab: namesRepeat,
  grafana: namesRepeat,
  elasticsearch: { ...namesRepeat, 'create refuses 33 labels': 'the service takes them' },
  cloudflare: {
    ...namesRepeat,
    'an edit refuses a name that is taken': 'names are not unique',
    'revoke is at once, for good, and may be repeated': 'a deleted token is gone; tested below',
    'regenerate keeps the key, and the old secret is dead at once':
      'the service does not say when; tested below',
  },
  cluvio: { 'a change with an old version is refused and changes nothing': 'keys have no version' },
};

test('every example has a stand-in', () => {
  const files = readdirSync(new URL('../../../../docs/examples/rest/', import.meta.url));
  expect(files.map((file) => file.replace('.yaml', '')).sort()).toEqual(Object.keys(exampleFakes).sort());
});

for (const [name, start] of Object.entries(exampleFakes)) {
  const { template, close } = await start();
  await close();
  keyServiceContract(`rest: ${name}`, async () => openExample(name, await forTest(start())), {
    capabilities: capabilitiesFrom(exampleMapping(name)),
    template,
    skips: skips[name],
  });
}

test('cloudflare: a rolled token is the same key with a new secret; a deleted one is gone, and its secret dead', async () => {
  const fake = await forTest((exampleFakes.cloudflare as (typeof exampleFakes)[string])());
  const service = openExample('cloudflare', fake);
  const before = await service.create({ ...fake.template, name: 'rolled' });
  const after = await service.regenerate(before.key.id);
  expect(after.key).toEqual(before.key);
  expect((await service.verify(before.secret)).valid).toBe(false);
  expect((await service.verify(after.secret)).valid).toBe(true);
  await service.revoke(after.key.id);
  expect((await service.verify(after.secret)).valid).toBe(false);
  expect((await service.list({})).keys).toEqual([]);
});

test('unleash: with secure storage a token has one id from its creation to its end, and nothing is said of its last four', async () => {
  const fake = await forTest(unleashFake());
  fake.secureStorage = true;
  const service = openExample('unleash', fake);
  const { key, secret } = await service.create({ ...fake.template, name: 'sealed' });
  expect(secret.reveal()).toBe(fake.tokens[0]?.secret);
  const { keys } = await service.list({});
  expect(keys).toMatchObject([{ id: key.id, name: 'sealed', lastFour: null }]);
  await service.edit(key.id, { expiresAt: '2099-01-01T00:00:00.000Z' });
  expect(fake.tokens[0]?.expiresAt).toBe('2099-01-01T00:00:00.000Z');
  await service.revoke(key.id);
  expect(fake.tokens).toEqual([]);
  await service.close();
});

test('elasticsearch: a key that could not be ended is no success, though the status is 200', async () => {
  const fake = await forTest((exampleFakes.elasticsearch as (typeof exampleFakes)[string])());
  const service = openExample('elasticsearch', fake);
  const { key } = await service.create({ name: 'stays' });
  const answer = { error_count: 1, error_details: [{ type: 'exception', reason: 'shards are down' }] };
  fake.befall({ on: to('DELETE', /api_key$/), instead: { status: 200, body: answer } });
  await expect(service.revoke(key.id)).rejects.toMatchObject({
    code: 'unavailable',
    message: 'shards are down',
  });
  await service.close();
});

test('cloudflare: a successor may do what the token may whose place it takes, and no more', async () => {
  const fake = await forTest((exampleFakes.cloudflare as (typeof exampleFakes)[string])());
  fake.seed('zone');
  const service = openExample('cloudflare', fake);
  const { keys } = await service.list({});
  await service.create({ name: 'zone-2', permissions: keys[0]?.permissions }, { like: keys[0]?.id });
  expect(fake.requests.at(-1)?.body).toMatchObject({
    name: 'zone-2',
    policies: [
      {
        effect: 'allow',
        permission_groups: [{ id: 'c8fed203ed3043cba015a93ad1616f1f' }],
        resources: { 'com.cloudflare.api.account.zone.*': '*' },
      },
    ],
  });
});

test('unleash: a successor is for the environment and the projects of the token whose place it takes', async () => {
  const fake = await forTest(unleashFake());
  const settings = { environment: 'production', project: 'web' };
  const old = await openExample('unleash', fake, { profile: { settings } }).create({
    name: 'web',
    roles: ['client'],
  });
  await openExample('unleash', fake).create({ name: 'web-2', roles: ['client'] }, { like: old.key.id });
  expect(fake.tokens.at(-1)).toMatchObject({
    tokenName: 'web-2',
    environment: 'production',
    projects: ['web'],
  });
});

test.each(Object.keys(exampleFakes))('%s: a key can take the place of another one', async (name) => {
  const fake = await forTest((exampleFakes[name] as (typeof exampleFakes)[string])());
  const service = openExample(name, fake);
  const { key } = await service.create({ ...fake.template, name: 'first' });
  const successor = await service.create({ ...fake.template, name: 'second' }, { like: key.id });
  expect({ ...successor.key, id: '', name: '', lastFour: '', createdAt: '', version: '' }).toEqual({
    ...(await service.get(key.id)),
    ...{ id: '', name: '', lastFour: '', createdAt: '', version: '' },
  });
});
