/** Secrets that can be shown again: to whom, when not, and what is left of them. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Secret } from '../../../src/secret.ts';
import { keep, open } from '../../../src/service/kept-secrets.ts';
import { parseMasterKeys } from '../../../src/service/master-keys.ts';
import { hashOf } from '../../../src/service/secrets.ts';
import { createService } from '../../../src/service/service.ts';
import { openSqlite } from '../../../src/service/sqlite.ts';
import { type HttpService, newHttpService } from '../../fakes/http-service.ts';
import { machineAdmin } from '../../fakes/key-service.ts';

const newMasterKey = () => randomBytes(32).toString('base64');
const masterKeysOf = (...lines: string[]) => parseMasterKeys(lines.join('\n'), 'the test');
const password = 'correct horse battery staple';

/** With a recoverable key of ann's, and ann's session before and after she has given her password again. */
async function revealing(masterKeys = masterKeysOf(newMasterKey())) {
  const service = await newHttpService({ settings: { masterKeys } });
  const { admin, ask } = service;
  for (const name of ['eve', 'meg']) await admin.users.create({ name, password: new Secret(password) });
  await admin.users.edit('ann', { password: new Secret(password) });
  await admin.namespaces.create({ name: 'open', recoverable: true });
  await admin.users.join('meg', { namespace: 'open', role: 'owner' });
  const { key, secret } = await admin.create({
    ...{ name: 'shown', namespace: 'open', owner: 'ann', roles: ['viewer'] },
    recoverable: true,
  });
  const login = async (user: string) => {
    const { body } = await ask('POST /v1/sessions', { secret: null, body: { user, password } });
    const { accessToken } = body as { accessToken: string };
    return accessToken;
  };
  const stepUp = async (token: string, given = password) => {
    const answer = await ask('POST /v1/sessions/step-up', { secret: token, body: { password: given } });
    return (answer.body as { accessToken: string }).accessToken;
  };
  const show = (token: string, id = key.id) => ask(`GET /v1/keys/${id}/secret`, { secret: token });
  return { ...service, key, secret: secret.reveal(), login, stepUp, show };
}

const refusals = async ({ ask }: Pick<HttpService, 'ask'>) => {
  const { body } = await ask('GET /v1/audit?action=reveal');
  return (body as { entries: { actor: string; outcome: string; target: string }[] }).entries.map(
    ({ actor, outcome, target }) => [actor, outcome, target],
  );
};

test('the secret is shown again to its user after the password was typed again, for five minutes, and on record', async () => {
  const { key, secret, login, stepUp, show, clock, ask } = await revealing();
  const session = await login('ann');
  expect(await show(session)).toMatchObject({ status: 403, body: { code: 'forbidden' } });
  const token = await stepUp(session);
  expect(await show(token)).toMatchObject({ status: 200, body: { secret, key: { recoverable: true } } });
  expect(await show(session)).toMatchObject({ status: 403 });
  clock.now += 5 * 60_000 - 1;
  expect(await show(token)).toMatchObject({ status: 200, body: { secret } });
  clock.now += 1;
  expect(await show(token)).toMatchObject({ status: 401 });
  // Refusals are recorded in batches, later than what was done.
  expect((await refusals({ ask })).map((entry) => entry.join(' ')).toSorted()).toEqual([
    ` refused ${key.id}`,
    `ann done ${key.id}`,
    `ann done ${key.id}`,
    `ann refused ${key.id}`,
    `ann refused ${key.id}`,
  ]);
});

test('a wrong password opens nothing', async () => {
  const { login, ask } = await revealing();
  const session = await login('ann');
  const wrong = await ask('POST /v1/sessions/step-up', { secret: session, body: { password: 'wrong' } });
  expect(wrong.status).toBe(401);
});

test('nobody else is shown it: not a key, not a stranger, but an owner of the namespace and an admin are', async () => {
  const { ask, key, secret, login, stepUp, show, admin } = await revealing();
  expect(await ask(`GET /v1/keys/${key.id}/secret`)).toMatchObject({ status: 403 });
  expect(await ask(`GET /v1/keys/${key.id}/secret`, { secret })).toMatchObject({ status: 403 });
  expect(await ask(`GET /v1/keys/${key.id}/secret`, { secret: null })).toMatchObject({ status: 401 });
  expect(await show(await stepUp(await login('eve')))).toMatchObject({ status: 404 });
  expect(await show(await stepUp(await login('meg')))).toMatchObject({ status: 200, body: { secret } });
  const stronger = await admin.create({
    ...{ name: 'stronger', namespace: 'open', owner: 'ann', roles: ['admin'], recoverable: true },
  });
  expect(await show(await stepUp(await login('meg')), stronger.key.id)).toMatchObject({ status: 403 });
  // It may do what its user may, now or later.
  const likeAnn = await admin.create({
    ...{ name: 'like-ann', namespace: 'open', owner: 'ann', recoverable: true },
  });
  expect(await show(await stepUp(await login('meg')), likeAnn.key.id)).toMatchObject({ status: 403 });
  expect(await show(await stepUp(await login('ann')), likeAnn.key.id)).toMatchObject({ status: 200 });
});

test('where it cannot be, the answer says why: the namespace, the key, the service', async () => {
  const { ask, admin, login, stepUp, show, key } = await revealing();
  const token = await stepUp(await login('ann'));
  const body = { name: 'other', recoverable: true };
  expect(await ask('POST /v1/keys', { body: { ...body, namespace: 'default' } })).toMatchObject({
    status: 501,
    body: { code: 'unsupported', hint: 'an admin can allow them: keys namespace edit default --recoverable' },
  });
  const plain = await admin.create({ name: 'plain', namespace: 'open', owner: 'ann' });
  expect(await show(token, plain.key.id)).toMatchObject({
    status: 501,
    body: { detail: "the key 'plain' was not created recoverable: only a hash of its secret is kept" },
  });
  await admin.namespaces.edit('open', { recoverable: false });
  expect(await show(token)).toMatchObject({ status: 501 });
  expect((await ask(`POST /v1/keys/${key.id}/regenerate`, { body: {} })).body).toMatchObject({
    key: { recoverable: false },
  });
  await admin.namespaces.edit('open', { recoverable: true });
  expect(await show(token)).toMatchObject({ status: 501 });
  const without = await newHttpService();
  await without.admin.namespaces.create({ name: 'open', recoverable: true });
  expect(await without.ask('POST /v1/keys', { body: { ...body, namespace: 'open' } })).toMatchObject({
    status: 501,
    body: { hint: 'whoever runs it can give it one: keys serve --master-key-file' },
  });
});

test('a regenerated key stays recoverable, also in an overlap, whichever secret is kept', async () => {
  const { admin, key, login, stepUp, show } = await revealing();
  const token = await stepUp(await login('ann'));
  const shown = async () => ((await show(token)).body as { secret: string }).secret;
  const next = await admin.regenerate(key.id, { graceMs: 60_000 });
  expect(next.key.recoverable).toBe(true);
  expect(await shown()).toBe(next.secret.reveal());
  const overlap = (idempotencyKey: string) => admin.regenerate(key.id, { overlap: true, idempotencyKey });
  const third = await overlap('a'.repeat(40));
  expect(await shown()).toBe(third.secret.reveal());
  await admin.minting.settle('a'.repeat(40), { keep: 'old' });
  expect(await shown()).toBe(next.secret.reveal());
  const fourth = await overlap('b'.repeat(40));
  await admin.minting.settle('b'.repeat(40), { keep: 'new' });
  expect(await shown()).toBe(fourth.secret.reveal());
});

function keptIn(databasePath: string): { sealed: Uint8Array; master_key: string }[] {
  const db = new DatabaseSync(databasePath);
  try {
    return db.prepare('SELECT * FROM kept_secrets').all() as never;
  } finally {
    db.close();
  }
}

test('what is kept is destroyed when the key is revoked or the secret replaced, and is never plain in any file', async () => {
  const { admin, key, secret, databasePath, show, login, stepUp, service } = await revealing();
  const [first] = keptIn(databasePath);
  await admin.regenerate(key.id);
  expect(keptIn(databasePath)).toHaveLength(1);
  expect(keptIn(databasePath)[0]?.sealed).not.toEqual(first?.sealed);
  const overlap = async (name: string, options = {}, { id } = key) => {
    await admin.regenerate(id, { overlap: true, idempotencyKey: name.repeat(40), ...options });
    return keptIn(databasePath).length;
  };
  const settle = async (name: string, keep: 'new' | 'old') => {
    await admin.minting.settle(name.repeat(40), { keep, graceMs: keep === 'new' ? 60_000 : 0 });
    return keptIn(databasePath).length;
  };
  expect([await overlap('a'), await settle('a', 'new')]).toEqual([2, 1]);
  expect([await overlap('b'), await settle('b', 'old')]).toEqual([2, 1]);
  expect([await overlap('c'), await overlap('d', { takeOver: true }), await settle('d', 'new')]).toEqual([
    ...[2, 2, 1],
  ]);
  await admin.revoke(key.id);
  expect(keptIn(databasePath)).toEqual([]);
  const wanted = { name: 'no-more', namespace: 'open', owner: 'ann', recoverable: true };
  const { key: other } = await admin.create(wanted);
  expect(keptIn(databasePath)).toHaveLength(1);
  await admin.namespaces.edit('open', { recoverable: false });
  expect(await overlap('e', {}, other)).toBe(0);
  expect(await show(await stepUp(await login('ann')))).toMatchObject({ status: 409 });
  await service.close();
  const file = readFileSync(databasePath);
  expect(file.includes(secret)).toBe(false);
  expect(file.includes(Buffer.from(first?.sealed ?? ''))).toBe(false);
});

test('what was altered, moved to another key, or is under a master key that is not here does not open, and all else works', async () => {
  const { admin, key, secret, databasePath, show, login, stepUp, ask } = await revealing();
  const other = await admin.create({ name: 'other', namespace: 'open', owner: 'ann', recoverable: true });
  const token = await stepUp(await login('ann'));
  const db = new DatabaseSync(databasePath);
  const set = (sql: string) => db.exec(`UPDATE kept_secrets SET ${sql} WHERE key_id = '${key.id}'`);
  set(`sealed = (SELECT sealed FROM kept_secrets WHERE key_id = '${other.key.id}')`);
  const altered = {
    status: 501,
    body: { detail: 'the stored secret does not open: the database was altered' },
  };
  expect(await show(token)).toMatchObject(altered);
  set("sealed = x'00'");
  expect(await show(token)).toMatchObject(altered);
  set("master_key = '0123456789abcdef'");
  expect(await show(token)).toMatchObject({
    status: 501,
    body: { detail: 'the secret was stored under the master key 0123456789abcdef, which is not here' },
  });
  db.close();
  expect(await show(token, other.key.id)).toMatchObject({ status: 200 });
  expect(await admin.verify(new Secret(secret))).toMatchObject({ valid: true });
  expect((await refusals({ ask })).map(([, outcome]) => outcome).toSorted()).toEqual([
    'done',
    'failed',
    'failed',
    'failed',
  ]);
});

test('a stored secret opens for its key, its hash and its master key alone, unaltered', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), fc.nat(), fc.integer({ min: 1, max: 255 }), (text, at, flip) => {
      const [masterKey, another] = masterKeysOf(newMasterKey(), newMasterKey());
      if (!masterKey || !another) throw new Error('two master keys were made');
      const secret = new Secret(text);
      const row = { ...keep(secret, 'key_1', masterKey), keyId: 'key_1', hash: hashOf(secret) };
      expect(open(row, [masterKey, another]).reveal()).toBe(text);
      const sealed = Buffer.from(row.sealed);
      const place = at % sealed.length;
      sealed[place] = (sealed[place] ?? 0) ^ flip;
      const wrong = [
        { ...row, sealed },
        { ...row, keyId: 'key_2' },
        { ...row, hash: hashOf(new Secret(`${text}.`)) },
        { ...row, masterKey: another.id },
      ];
      for (const each of wrong) expect(() => open(each, [masterKey, another])).toThrow('does not open');
      expect(() => open(row, [another])).toThrow(`the master key ${masterKey.id}, which is not here`);
    }),
    { numRuns: 50 },
  );
});

test('a new master key takes over what is stored, in batches, where it was stopped, and then the old one can go', async () => {
  const [old, young] = [newMasterKey(), newMasterKey()];
  const { admin, databasePath, service } = await revealing(masterKeysOf(old));
  for (let i = 0; i < 149; i++)
    await admin.create({ name: `more-${i}`, namespace: 'open', recoverable: true });
  await service.close();
  const restarted = async (...lines: string[]) =>
    createService({
      store: await openSqlite(databasePath),
      now: Date.now,
      settings: { masterKeys: masterKeysOf(...lines) },
    });
  const both = await restarted(old, young);
  let asked = 0;
  expect(await both.reencrypt(() => asked++ > 0)).toMatchObject({ done: 100, left: 0 });
  await both.close();
  const again = await restarted(old, young);
  expect(await again.reencrypt(() => false)).toMatchObject({ done: 50, left: 0 });
  expect(await again.reencrypt(() => false)).toMatchObject({ done: 0, left: 0 });
  await again.close();
  const [id] = masterKeysOf(young).map((key) => key.id);
  expect(new Set(keptIn(databasePath).map((row) => row.master_key))).toEqual(new Set([id]));
  const newest = await restarted(newMasterKey());
  expect(await newest.reencrypt(() => false)).toEqual({ done: 0, left: 150, leftUnder: [id] });
  await newest.as(machineAdmin).create({ name: 'still', namespace: 'open', recoverable: true });
  await newest.close();
});

test('without its master key a recoverable key is not regenerated into one that is not', async () => {
  const { key, databasePath, service } = await revealing();
  await service.close();
  const without = createService({ store: await openSqlite(databasePath), now: Date.now });
  const admin = without.as(machineAdmin);
  await expect(admin.regenerate(key.id)).rejects.toMatchObject({ code: 'unsupported' });
  await admin.revoke(key.id);
  await without.close();
});

test.each([
  ['', 'there is no master key in the test'],
  ['# only a comment', 'there is no master key in the test'],
  ['too-short', 'line 1 of the test is not a master key'],
  [`${newMasterKey()}\n\nabc=`, 'line 3 of the test is not a master key'],
  [Buffer.alloc(32).toString('base64'), 'line 1 of the test is not random'],
])('master keys that are none are refused without being shown: %j', (text, message) => {
  expect(() => parseMasterKeys(text, 'the test')).toThrow(message);
});

test('the last of several master keys is a new one', () => {
  const [one, two] = [newMasterKey(), newMasterKey()];
  expect(parseMasterKeys(`# 2026, the second year\n${one}\n\n${two}\n`, 'the test')).toHaveLength(2);
  expect(() => masterKeysOf(one, two, one)).toThrow('is there twice');
  expect(JSON.stringify(masterKeysOf(one))).not.toContain(one);
});
