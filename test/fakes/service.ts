/** A key service in memory, for what a real one does only on a bad day. */
import { KeysError } from '../../src/errors.ts';
import { blankKey, type Key, type KeyService, type NewKey } from '../../src/keys.ts';
import { ownCapabilities } from '../../src/own-capabilities.ts';
import { Secret } from '../../src/secret.ts';

export function fakeKey(fields: Partial<Key> = {}): Key {
  return {
    ...blankKey,
    id: 'key_1',
    name: 'demo',
    namespace: 'default',
    type: 'manage',
    status: 'active',
    prefix: 'fake_',
    lastFour: 'abcd',
    createdAt: '2026-11-01T00:00:00.000Z',
    recoverable: false,
    version: '1',
    ...fields,
  };
}

export interface FakeService extends KeyService {
  readonly keys: Key[];
  /** Every call in order, such as `revoke key_1`. */
  readonly calls: string[];
}

/** `overrides` replaces methods, or the capabilities. A list comes in pages of `pageLength` keys. */
export function fakeService(
  keys: Key[] = [],
  overrides: Partial<KeyService> = {},
  { secret = 'fake_secret', pageLength = 2 } = {},
): FakeService {
  const calls: string[] = [];

  async function set(verb: string, id: string, fields: Partial<Key>): Promise<Key> {
    const index = keys.findIndex((key) => key.id === id);
    const key = keys[index];
    calls.push(`${verb} ${id}`);
    if (!key) throw new KeysError('not_found', `no key ${id}`);
    keys[index] = { ...key, ...fields };
    return keys[index];
  }

  const service: KeyService = {
    capabilities: ownCapabilities,
    minting: {
      status: async () => null,
      cancel: async () => null,
      acknowledge: async () => {},
      settle: async () => {
        const [key] = keys;
        if (!key) throw new KeysError('not_found', 'no key');
        return key;
      },
    },
    async create({ name, ...fields }: NewKey) {
      calls.push(`create ${name}`);
      const defined = Object.entries(fields).filter(([, value]) => value !== undefined);
      const key = fakeKey({ id: `key_${keys.length + 1}`, name, ...Object.fromEntries(defined) });
      keys.unshift(key);
      return { key, secret: new Secret(secret) };
    },
    async list({ cursor = '0' }) {
      calls.push(`list ${cursor}`);
      const end = Number(cursor) + pageLength;
      return { keys: keys.slice(Number(cursor), end), nextCursor: end < keys.length ? String(end) : null };
    },
    async get(id) {
      const key = keys.find((candidate) => candidate.id === id);
      calls.push(`get ${id}`);
      if (!key) throw new KeysError('not_found', `no key ${id}`);
      return key;
    },
    edit: (id, changes) => set('edit', id, JSON.parse(JSON.stringify(changes))),
    disable: (id) => set('disable', id, { status: 'disabled' }),
    enable: (id) => set('enable', id, { status: 'active' }),
    async regenerate(id) {
      return { key: await set('regenerate', id, {}), secret: new Secret(secret) };
    },
    async revoke(id) {
      await set('revoke', id, { status: 'revoked' });
    },
    async verify() {
      calls.push('verify');
      return { valid: true, reason: null, key: keys[0] ?? null };
    },
    async whoami() {
      calls.push('whoami');
      return { id: null, name: null, owner: null, namespace: null, roles: [] };
    },
    close: async () => {},
  };
  return Object.assign({}, service, overrides, { keys, calls });
}
