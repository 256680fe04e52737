/** The first start: a service nobody can administer gets an administrator's key. */
import { KeysError } from '../errors.ts';
import { allKeys, type Key } from '../keys.ts';
import { Secret } from '../secret.ts';
import type { ServiceCore } from './core.ts';
import { actsAsOwner } from './grants.ts';
import { CallerKeyService } from './key-service.ts';
import { machineAdministrator } from './machine.ts';
import { isWellFormed } from './secret-format.ts';
import { findSecret } from './secrets.ts';

/**
 * The secret an operator chose, as its file holds it. Throws `invalid` for one that is mistyped, that is too short to be
 * safe, or that no header can carry.
 */
export function chosenSecret(content: string, prefix: string): Secret {
  const text = content.replace(/\r?\n$/, '');
  if (!/^[\x21-\x7e]{32,1024}$/.test(text)) {
    throw new KeysError(
      'invalid',
      "the administrator's secret must be 32 to 1,024 visible ASCII characters",
      {
        hint: "make one: head -c 32 /dev/urandom | base64 | tr -d '\\n'",
      },
    );
  }
  if (text.startsWith(prefix) && !isWellFormed(text, prefix)) {
    throw new KeysError('invalid', `the administrator's secret begins with ${prefix} but is cut or mistyped`);
  }
  return new Secret(text);
}

/** The name of the first administrator and of their key. */
const firstName = 'admin';

/** Whether somebody holds what an admin can be had by: a key with that role, or an admin's password or key without roles. */
export async function hasAdmin(core: ServiceCore): Promise<boolean> {
  const users = await core.store.listUsers();
  const isActive = (name: string | null) =>
    !users.some((user) => user.name === name && user.disabledAt !== null);
  if (await hasKey(core, { role: 'admin' }, ({ owner }) => isActive(owner))) return true;
  // Until then the keys without roles are those of the embedded service, made for programs and not to administer it.
  const hadFirst = users.some(({ name }) => name === firstName);
  for (const { name, role, password, disabledAt } of users) {
    if (role !== 'admin' || disabledAt !== null) continue;
    if (password || (hadFirst && (await hasKey(core, { owner: name }, actsAsOwner)))) return true;
  }
  return false;
}

async function hasKey(
  core: ServiceCore,
  filter: { role?: string; owner?: string },
  holds: (key: Key) => boolean,
): Promise<boolean> {
  const machine = new CallerKeyService(core, machineAdministrator());
  const active = { ...filter, namespace: null, statuses: ['active'] as const };
  for await (const keys of allKeys(machine, active)) {
    if (keys.some((key) => key.type === 'manage' && holds(key))) return true;
  }
  return false;
}

/** As many names are tried, where others have the first ones. */
const mostNames = 100;

/** Throws `conflict` when there is an admin by now, or when the secret is not a new one. */
export async function createAdmin(core: ServiceCore, secret: Secret): Promise<Key> {
  if (await findSecret(core.store, secret)) {
    throw new KeysError('conflict', "the administrator's secret is, or was, the secret of another key", {
      hint: 'a secret that has ended is never good again: choose a new one',
    });
  }
  for (let n = 1; ; n++) {
    const name = n === 1 ? firstName : `${firstName}-${n}`;
    // Without an administrator nobody could raise a quota either.
    const service = new CallerKeyService(
      { ...core, unlimited: true, newSecret: () => secret },
      machineAdministrator(name),
    );
    try {
      return (await service.create({ name, roles: ['admin'] })).key;
    } catch (error) {
      const isTaken = error instanceof KeysError && error.code === 'conflict';
      if (!isTaken || n === mostNames || (await hasAdmin(core))) throw error;
    }
  }
}
