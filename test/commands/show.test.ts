import { expect, test } from 'vitest';
import { KeysError } from '../../src/errors.ts';
import type { Key } from '../../src/keys.ts';
import { fakeKey, fakeService } from '../fakes/service.ts';
import { newHome } from '../run.ts';

const now = Date.parse('2026-11-21T00:00:00Z');

test('show on a terminal is a record of all that has a value, with exact times beside relative ones', async () => {
  const key = fakeKey({
    description: 'deploys',
    permissions: ['a.read', 'b.edit'],
    labels: { env: 'prod' },
    extra: { plan: 'free', limit: 10 },
  });
  const { stdout } = await newHome().keys('show demo', { service: fakeService([key]), terminal: true, now });
  expect(stdout.replaceAll(/\u001b\[\d+m/g, '')).toBe(`id:           key_1
name:         demo
description:  deploys
namespace:    default
status:       active
type:         manage
permissions:  a.read,b.edit
prefix:       fake_
last four:    abcd
created:      20d ago (2026-11-01T00:00:00.000Z)
expires:      never
labels:       env=prod
more:         plan=free,limit=10
`);
});

test('show in a pipe is the line that list prints', async () => {
  const home = newHome();
  await home.keys('create demo');
  expect((await home.keys('show demo')).stdout).toBe((await home.keys('list')).stdout);
});

test('show by id finds a revoked key, by name only live ones', async () => {
  const home = newHome();
  const { key } = await home.json<{ key: Key }>('create demo');
  await home.keys('revoke demo -y');
  expect((await home.json<Key>(['show', key.id])).status).toBe('revoked');
  expect((await home.keys('show demo')).code).toBe(3);
});

test('get is another word for show', async () => {
  const home = newHome();
  await home.keys('create demo');
  expect((await home.json<Key>('get demo')).name).toBe('demo');
});

test('a name that fits several keys exits 5 and lists the candidates', async () => {
  const keys = [fakeKey(), fakeKey({ id: 'key_2', namespace: 'team' })];
  const { code, stderr } = await newHome().keys('show demo', { service: fakeService(keys) });
  expect(code).toBe(5);
  expect(stderr).toContain('hint: give the id: key_1 (default), key_2 (team)\n');
});

test('a name is that of a key in the namespace in force, and of no other', async () => {
  const home = newHome();
  for (const namespace of ['team', 'other']) {
    await home.keys(`create twin -n ${namespace} -q`);
    expect(await home.json(`show twin -n ${namespace}`)).toMatchObject({ name: 'twin', namespace });
  }
  for (const argv of ['show twin', 'revoke twin -y', 'disable twin -n empty'])
    expect((await home.keys(argv)).code).toBe(3);
});

test('wildcards in a name stand for themselves', async () => {
  const home = newHome();
  await home.keys('create demo');
  expect((await home.keys('show de*')).code).toBe(3);
});

test('a service that refuses what is no id of its own is asked for the name', async () => {
  const get = async () => {
    throw new KeysError('invalid', 'an id is a number');
  };
  const service = fakeService([fakeKey()], { get });
  expect(await newHome().keys('show demo -o name', { service })).toMatchObject({ code: 0, stdout: 'demo\n' });
});

test('a name typed in another Unicode form, or with a space around it, is the same name', async () => {
  const home = newHome();
  await home.keys(['create', 'cafe\u0301']);
  expect((await home.json<Key>(['show', 'caf\u00e9'])).name).toBe('caf\u00e9');
  expect((await home.json<Key>(['show', ' cafe\u0301 '])).name).toBe('caf\u00e9');
});

test('an empty id exits 2 without a request', async () => {
  const service = fakeService([fakeKey()]);
  for (const blank of ['', '  ']) expect((await newHome().keys(['show', blank], { service })).code).toBe(2);
  expect(service.calls).toEqual([]);
});

test('without a key it offers a choice on a terminal and exits 2 elsewhere', async () => {
  const service = fakeService([fakeKey()]);
  const answers = [{ asked: 'Show which key?', answer: 'demo (key_1)' }];
  expect((await newHome().keys('show -o name', { service, answers })).stdout).toBe('demo\n');
  expect((await newHome().keys('show', { service })).code).toBe(2);
});
