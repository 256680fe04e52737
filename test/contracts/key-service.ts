/**
 * What every `KeyService` must do, ours or a driver's, asked through the interface alone. A test that needs more than
 * the service's capabilities say is skipped, and so is one that `skips` names with its reason.
 */
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import {
  allKeys,
  type Capabilities,
  type FilterName,
  type Key,
  type KeyField,
  type KeyFilter,
  type KeyService,
  type NewKey,
  type UntoldField,
  type Verb,
} from '../../src/keys.ts';
import { ownCapabilities } from '../../src/own-capabilities.ts';
import { Secret } from '../../src/secret.ts';
import { mintingGuarantees } from './minting.ts';
import { refuses } from './refuses.ts';

export { refuses };

export interface ContractOptions {
  readonly capabilities?: Capabilities;
  /** Names of tests, each with the reason why this service cannot pass it. */
  readonly skips?: Readonly<Record<string, string>>;
  /** What every key of this service must be created with. */
  readonly template?: Omit<NewKey, 'name'>;
}

interface Needs {
  readonly verbs?: readonly Verb[];
  readonly fields?: readonly KeyField[];
  readonly editable?: Capabilities['editable'];
  readonly filters?: readonly FilterName[];
  readonly told?: readonly UntoldField[];
  readonly grace?: boolean;
  readonly idempotentMint?: boolean;
}

/** `open` gives the service as an administrator sees it, without keys of the names used here; it is closed after the test. */
export function keyServiceContract(
  name: string,
  open: () => Promise<KeyService>,
  { capabilities = ownCapabilities, skips = {}, template = {} }: ContractOptions = {},
): void {
  const unused = new Set(Object.keys(skips));
  const can = (verb: Verb) => capabilities.verbs.includes(verb);

  function guarantee(title: string, needs: Needs, prove: (service: KeyService) => Promise<void>): void {
    const lacks = lacking(capabilities, needs);
    const reason = skips[title] ?? (lacks.length > 0 ? `no ${lacks.join(', ')}` : null);
    unused.delete(title);
    if (reason !== null) {
      test.skip(`${title} (skipped: ${reason})`);
      return;
    }
    test(title, async () => {
      const service = await open();
      onTestFinished(() => service.close());
      await prove(service);
    });
  }

  async function create(service: KeyService, key: NewKey): Promise<{ key: Key; secret: Secret }> {
    return service.create({ ...template, ...key });
  }

  describe(`${name}: the key service contract`, () => {
    guarantee(
      'a created key is shown as it was created, with a secret',
      { verbs: ['create', 'get'] },
      async (service) => {
        const { key, secret } = await create(service, { name: 'made' });
        expect(key).toMatchObject({ name: 'made' });
        expect(key.id).not.toBe('');
        expect(secret.reveal().length).toBeGreaterThan(15);
        expect(await service.get(key.id)).toEqual(key);
      },
    );

    guarantee(
      'every field given at creation is kept',
      {
        verbs: ['get'],
        fields: ['description', 'type', 'roles', 'permissions', 'apiVersion', 'expiresAt', 'owner', 'labels'],
      },
      async (service) => {
        await requireUser(service, 'bob');
        const given: NewKey = {
          name: '部署 key – ü',
          description: 'two\nlines',
          type: 'view',
          roles: ['viewer'],
          permissions: ['dashboards.view', 'a.b.list'],
          apiVersion: '2026-11-01',
          expiresAt: inAnHour(),
          owner: 'bob',
          labels: { team: 'core', 'app.example/tier': '' },
        };
        const { key } = await create(service, given);
        expect(key).toMatchObject({ ...given, status: 'active' });
        expect(await service.get(key.id)).toEqual(key);
      },
    );

    for (const given of [{ description: 'nightly' }, { labels: { team: 'core' } }]) {
      const fields = Object.keys(given) as KeyField[];
      guarantee(`a key keeps the ${fields} it was created with`, { fields }, async (service) => {
        const { key } = await create(service, { name: 'given', ...given });
        expect(await service.get(key.id)).toMatchObject(given);
      });
    }

    guarantee(
      'a new key is active, never used, and tells its secret by the last four',
      { verbs: ['create'] },
      async (service) => {
        const { key, secret } = await create(service, { name: 'fresh' });
        expect([null, 'active']).toContain(key.status);
        expect(key.lastUsedAt).toBeNull();
        if (key.lastFour !== null) expect(secret.reveal().endsWith(key.lastFour)).toBe(true);
        if (key.prefix !== null) expect(secret.reveal().startsWith(key.prefix)).toBe(true);
      },
    );

    guarantee('the name of a live key is taken', { verbs: ['create'] }, async (service) => {
      await create(service, { name: 'twice' });
      await refuses('conflict', create(service, { name: 'twice' }));
    });

    guarantee('the name of a revoked key is free again', { verbs: ['create', 'revoke'] }, async (service) => {
      const { key } = await create(service, { name: 'again' });
      await service.revoke(key.id);
      expect((await create(service, { name: 'again' })).key.id).not.toBe(key.id);
    });

    for (const [what, bad] of Object.entries(badKeys)) {
      const fields = Object.keys(bad).filter((field) => field !== 'name') as KeyField[];
      guarantee(`create refuses ${what}`, { verbs: ['create'], fields }, async (service) => {
        await refuses('invalid', create(service, { name: 'bad', ...bad }));
      });
    }

    async function findsNothing(service: KeyService, id: string): Promise<void> {
      if (can('get')) await refuses('not_found', service.get(id));
      if (can('edit')) await refuses('not_found', service.edit(id, { name: 'x' }));
      if (can('disable')) await refuses('not_found', service.disable(id));
      if (can('enable')) await refuses('not_found', service.enable(id));
      if (can('regenerate')) await refuses('not_found', service.regenerate(id));
      if (can('revoke')) await refuses('not_found', service.revoke(id));
    }

    guarantee('a key that is not there is not found, whatever is asked of it', {}, async (service) => {
      await findsNothing(service, 'key_0000000000000000');
      if (can('get')) await refuses('not_found', service.get('../../v1/whoami?x#y%'));
    });

    guarantee(
      'a key that a revocation has deleted is not found, whatever is asked of it',
      { verbs: ['create', 'list', 'revoke'] },
      async (service) => {
        const { key } = await create(service, { name: 'gone' });
        await service.revoke(key.id);
        const { keys } = await service.list({ statuses: ['revoked'] });
        if (!keys.some(({ id }) => id === key.id)) await findsNothing(service, key.id);
      },
    );

    guarantee(
      'an edit changes what it names and nothing else',
      { verbs: ['edit', 'get'], editable: ['name', 'description', 'labels'] },
      async (service) => {
        const { key } = await create(service, { name: 'before', description: 'stays', labels: { a: '1' } });
        const edited = await service.edit(key.id, { name: 'after', labels: { b: '2' } });
        expect(edited).toEqual({ ...key, name: 'after', labels: { b: '2' }, version: edited.version });
        expect(edited.version).not.toBe(key.version);
        expect(await service.get(key.id)).toEqual(edited);
        expect((await service.edit(key.id, { description: null })).description).toBeNull();
      },
    );

    guarantee(
      'an edit that changes nothing is no new version',
      { verbs: ['edit'], editable: ['name'] },
      async (service) => {
        const { key } = await create(service, { name: 'same' });
        expect(await service.edit(key.id, { name: 'same' })).toEqual(key);
      },
    );

    guarantee(
      'an edit refuses a name that is taken',
      { verbs: ['edit', 'get'], editable: ['name'] },
      async (service) => {
        await create(service, { name: 'first' });
        const { key } = await create(service, { name: 'second' });
        await refuses('conflict', service.edit(key.id, { name: 'first' }));
        expect((await service.get(key.id)).name).toBe('second');
      },
    );

    guarantee(
      'a View key stays a View key: an edit refuses manage permissions and roles',
      { verbs: ['edit'], fields: ['type'], editable: ['roles', 'permissions'] },
      async (service) => {
        const { key } = await create(service, { name: 'view', type: 'view', permissions: ['a.view'] });
        await refuses('invalid', service.edit(key.id, { permissions: ['a.delete'] }));
        await refuses('invalid', service.edit(key.id, { roles: ['owner'] }));
        expect((await service.edit(key.id, { roles: ['viewer'] })).roles).toEqual(['viewer']);
      },
    );

    guarantee(
      'a change with an old version is refused and changes nothing',
      { verbs: ['edit', 'disable', 'enable', 'get'], editable: ['name'] },
      async (service) => {
        const { key } = await create(service, { name: 'raced' });
        const now = await service.edit(key.id, { name: 'winner' }, key.version);
        await refuses('changed', service.edit(key.id, { name: 'loser' }, key.version));
        await refuses('changed', service.disable(key.id, key.version));
        await refuses('changed', service.enable(key.id, key.version));
        if (can('regenerate')) await refuses('changed', service.regenerate(key.id, {}, key.version));
        if (can('revoke')) await refuses('changed', service.revoke(key.id, key.version));
        expect(await service.get(key.id)).toEqual(now);
      },
    );

    guarantee(
      'disable and enable work at once and may be repeated',
      { verbs: ['disable', 'enable', 'verify'] },
      async (service) => {
        const { key, secret } = await create(service, { name: 'switch' });
        expect((await service.disable(key.id)).status).toBe('disabled');
        expect(await service.verify(secret)).toMatchObject({ valid: false, reason: 'disabled' });
        expect((await service.disable(key.id)).status).toBe('disabled');
        expect((await service.enable(key.id)).status).toBe('active');
        expect((await service.verify(secret)).valid).toBe(true);
        expect((await service.enable(key.id)).status).toBe('active');
      },
    );

    guarantee(
      'revoke is at once, for good, and may be repeated',
      { verbs: ['revoke', 'verify', 'get'] },
      async (service) => {
        const { key, secret } = await create(service, { name: 'ended' });
        await service.revoke(key.id);
        expect((await service.verify(secret)).valid).toBe(false);
        await service.revoke(key.id);
        expect((await service.get(key.id)).status).toBe('revoked');
        if (can('edit')) await refuses('conflict', service.edit(key.id, { name: 'x' }));
        if (can('enable')) await refuses('conflict', service.enable(key.id));
        if (can('disable')) await refuses('conflict', service.disable(key.id));
        if (can('regenerate')) await refuses('conflict', service.regenerate(key.id));
      },
    );

    guarantee(
      'regenerate keeps the key, and the old secret is dead at once',
      { verbs: ['regenerate', 'verify'] },
      async (service) => {
        const before = await create(service, { name: 'renewed' });
        const after = await service.regenerate(before.key.id);
        expect(after.key).toMatchObject({
          id: before.key.id,
          name: 'renewed',
          rotatedAt: expect.any(String),
        });
        expect(after.secret.reveal()).not.toBe(before.secret.reveal());
        expect((await service.verify(before.secret)).valid).toBe(false);
        expect((await service.verify(after.secret)).valid).toBe(true);
      },
    );

    guarantee(
      'with a grace both secrets work, until a regenerate without one',
      { verbs: ['regenerate', 'verify'], grace: true },
      async (service) => {
        const first = await create(service, { name: 'overlap' });
        const second = await service.regenerate(first.key.id, { graceMs: 60_000 });
        expect((await service.verify(first.secret)).valid).toBe(true);
        expect((await service.verify(second.secret)).valid).toBe(true);
        await service.regenerate(first.key.id);
        expect((await service.verify(first.secret)).valid).toBe(false);
        expect((await service.verify(second.secret)).valid).toBe(false);
        await refuses('invalid', service.regenerate(first.key.id, { graceMs: 31 * 86_400_000 }));
      },
    );

    guarantee('a grace ends', { verbs: ['regenerate', 'verify'], grace: true }, async (service) => {
      const { key, secret } = await create(service, { name: 'short' });
      await service.regenerate(key.id, { graceMs: 50 });
      await vi.waitFor(async () => expect((await service.verify(secret)).valid).toBe(false));
    });

    guarantee(
      'a key expires, and an edit of the expiry puts it back',
      { verbs: ['verify', 'edit', 'get'], fields: ['expiresAt'], editable: ['expiresAt'] },
      async (service) => {
        const { key, secret } = await create(service, {
          name: 'brief',
          expiresAt: new Date(Date.now() + 100).toISOString(),
        });
        await vi.waitFor(async () =>
          expect(await service.verify(secret)).toMatchObject({ valid: false, reason: 'expired' }),
        );
        expect((await service.get(key.id)).status).toBe('expired');
        await refuses('invalid', service.edit(key.id, { expiresAt: '2020-01-01T00:00:00Z' }));
        expect(await service.edit(key.id, { expiresAt: null })).toMatchObject({
          status: 'active',
          expiresAt: null,
        });
        expect((await service.verify(secret)).valid).toBe(true);
      },
    );

    guarantee(
      'verify tells the key of a good secret, and that a foreign text is unknown',
      { verbs: ['verify'] },
      async (service) => {
        const { key, secret } = await create(service, { name: 'known' });
        expect(await service.verify(secret)).toMatchObject({
          valid: true,
          reason: null,
          key: { id: key.id },
        });
        const unknown = { valid: false, reason: 'unknown', key: null };
        expect(await service.verify(new Secret(`${secret.reveal()}x`))).toEqual(unknown);
        expect(await service.verify(new Secret('nonsense'))).toEqual(unknown);
      },
    );

    guarantee(
      'verify records the use, which is no new version',
      { verbs: ['verify', 'get'], told: ['lastUsedAt'] },
      async (service) => {
        const { key, secret } = await create(service, { name: 'used' });
        await service.verify(secret);
        expect(await service.get(key.id)).toEqual({ ...key, lastUsedAt: expect.any(String) });
      },
    );

    guarantee(
      'list gives the newest first and every key once, page by page',
      { verbs: ['list'] },
      async (service) => {
        const others = new Set((await listAll(service, {})).map(({ id }) => id));
        const ids: string[] = [];
        for (let i = 0; i < 7; i++) ids.push((await create(service, { name: `page-${i}` })).key.id);
        const all = await listAll(service, { nameGlob: 'page-*' }, 3);
        const listed = all.filter(({ id }) => !others.has(id));
        expect(listed.map(({ id }) => id).sort()).toEqual([...ids].sort());
        const times = listed.map(({ createdAt }) => createdAt ?? '');
        expect(times).toEqual(times.toSorted().reverse());
      },
    );

    guarantee(
      'a list that is paged while keys come and go shows the others exactly once',
      { verbs: ['list', 'revoke'] },
      async (service) => {
        const ids: string[] = [];
        for (let i = 0; i < 9; i++) ids.push((await create(service, { name: `moving-${i}` })).key.id);
        const seen: string[] = [];
        let turn = 0;
        for await (const page of allKeys(service, { nameGlob: 'moving-*' }, 2)) {
          seen.push(...page.map(({ id }) => id));
          await create(service, { name: `moving-new-${turn}` });
          if (turn === 0) await service.revoke(ids[0] ?? '');
          turn++;
        }
        expect(new Set(seen).size).toBe(seen.length);
        expect(ids.slice(1).filter((id) => !seen.includes(id))).toEqual([]);
      },
    );

    guarantee(
      'a revoked key is listed only when asked for',
      { verbs: ['list', 'revoke'], filters: ['statuses'] },
      async (service) => {
        const { key } = await create(service, { name: 'hidden' });
        await service.revoke(key.id);
        expect(await listAll(service, { nameGlob: 'hidden' })).toEqual([]);
        const revoked = await listAll(service, { nameGlob: 'hidden', statuses: ['revoked'] });
        expect(revoked.map(({ id }) => id)).toEqual([key.id]);
      },
    );

    guarantee(
      'each filter keeps what it names',
      {
        verbs: ['list'],
        filters: ['owner', 'role', 'type', 'labels', 'nameGlob', 'expiresBefore', 'unusedSince', 'noExpiry'],
      },
      async (service) => {
        await requireUser(service, 'ann');
        await create(service, {
          name: 'f-one',
          type: 'view',
          roles: ['viewer'],
          owner: 'ann',
          labels: { a: '1' },
          expiresAt: inAnHour(),
        });
        await create(service, { name: 'f-two', labels: { a: '2' } });
        const future = new Date(Date.now() + 7_200_000).toISOString();
        const names = async (filter: KeyFilter) =>
          (await listAll(service, { nameGlob: 'f-*', ...filter })).map((key) => key.name).sort();
        expect(await names({})).toEqual(['f-one', 'f-two']);
        expect(await names({ owner: 'ann' })).toEqual(['f-one']);
        expect(await names({ role: 'viewer' })).toEqual(['f-one']);
        expect(await names({ type: 'manage' })).toEqual(['f-two']);
        expect(await names({ labels: { a: '2' } })).toEqual(['f-two']);
        expect(await names({ labels: { a: '3' } })).toEqual([]);
        expect(await names({ nameGlob: '?-o[n]e' })).toEqual([]);
        expect(await names({ nameGlob: '?-on?' })).toEqual(['f-one']);
        expect(await names({ expiresBefore: future })).toEqual(['f-one']);
        expect(await names({ unusedSince: future })).toEqual(['f-one', 'f-two']);
        expect(await names({ unusedSince: '2020-01-01T00:00:00Z' })).toEqual([]);
        expect(await names({ noExpiry: true })).toEqual(['f-two']);
      },
    );

    guarantee(
      'keys of another namespace are apart',
      { verbs: ['list', 'create'], fields: ['namespace'], filters: ['namespace'] },
      async (service) => {
        await create(service, { name: 'apart', namespace: 'team-a' });
        await create(service, { name: 'apart', namespace: 'team-b' });
        const inA = await listAll(service, { namespace: 'team-a' });
        expect(inA.map(({ name, namespace }) => ({ name, namespace }))).toEqual([
          { name: 'apart', namespace: 'team-a' },
        ]);
        expect(await listAll(service, { nameGlob: 'apart' })).toEqual([]);
        expect(await listAll(service, { namespace: null, nameGlob: 'apart' })).toHaveLength(2);
      },
    );

    guarantee('a cursor that the service never gave is refused', { verbs: ['list'] }, async (service) => {
      await refuses('invalid', service.list({ cursor: 'bogus' }));
    });

    guarantee('whoami tells who asks', { verbs: ['whoami'] }, async (service) => {
      expect(await service.whoami()).toMatchObject({ roles: expect.any(Array) });
    });

    for (const [title, prove] of Object.entries(mintingGuarantees)) {
      guarantee(title, { idempotentMint: true }, (service) => prove(service, template));
    }

    test('every skip names a test', () => expect([...unused]).toEqual([]));
  });
}

const badKeys: Record<string, Partial<NewKey>> = {
  'an empty name': { name: ' ' },
  'a name of 129 characters': { name: 'n'.repeat(129) },
  'a name with an escape sequence': { name: 'a\u001b[2Jb' },
  'a name with a bidirectional override': { name: 'a\u202eb' },
  'a description of 1,001 characters': { description: 'd'.repeat(1_001) },
  'an unknown role': { roles: ['emperor'] },
  'a permission without an action': { permissions: ['dashboards'] },
  'a View key with a manage permission': { type: 'view', permissions: ['dashboards.delete'] },
  'a View key with a role that manages': { type: 'view', roles: ['owner'] },
  'an API version that is not offered': { apiVersion: '1999-01-01' },
  'an expiry in the past': { expiresAt: '2020-01-01T00:00:00Z' },
  'an expiry on a day that does not exist': { expiresAt: '2099-02-30T00:00:00Z' },
  'a namespace that is a path': { namespace: '../etc' },
  '33 labels': { labels: Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`l${i}`, '1'])) },
  'a label named __proto__': { labels: JSON.parse('{"__proto__":"x"}') as Record<string, string> },
};

/** Where a key can only belong to a user who is there. */
async function requireUser({ users }: KeyService, name: string): Promise<void> {
  const known = (await users?.list()) ?? [];
  if (users && !known.some((user) => user.name === name)) await users.create({ name });
}

async function listAll(service: KeyService, filter: KeyFilter, pageSize?: number): Promise<Key[]> {
  const keys: Key[] = [];
  for await (const page of allKeys(service, filter, pageSize)) keys.push(...page);
  return keys;
}

function inAnHour(): string {
  return new Date(Date.now() + 3_600_000).toISOString();
}

function lacking(capabilities: Capabilities, needs: Needs): string[] {
  const missing = (wanted: readonly string[] | undefined, has: readonly string[]) =>
    (wanted ?? []).filter((each) => !has.includes(each));
  return [
    ...missing(needs.verbs, capabilities.verbs),
    ...missing(needs.fields, capabilities.fields),
    ...missing(needs.editable, capabilities.editable),
    ...missing(needs.filters, capabilities.filters).map((filter) => `filter ${filter}`),
    ...(needs.told ?? []).filter((field) => capabilities.untold?.includes(field)),
    ...(needs.grace && !capabilities.grace ? ['grace'] : []),
    ...(needs.idempotentMint && !capabilities.idempotentMint ? ['idempotent mint'] : []),
  ];
}
