import { type Command, Option } from 'commander';
import type { App } from '../src/app.ts';
import { deliveryFailure, openOutlet } from '../src/deliver.ts';
import { KeysError, toKeysError } from '../src/errors.ts';
import {
  type IssuedKey,
  type Key,
  type KeyService,
  type KeyType,
  keyTypes,
  type NewKey,
  requireFields,
  requireVerb,
} from '../src/keys.ts';
import { findByName } from '../src/resolve.ts';
import { called, expiry } from './key-noun.ts';
import { askForKey } from './new-key.ts';
import { collect, collectLabel, completes, expiryOption } from './options.ts';

export interface Options {
  name?: string;
  description?: string;
  type?: KeyType;
  role?: string[];
  permission?: string[];
  apiVersion?: string;
  expires?: string;
  owner?: string;
  label?: Record<string, string>;
  ifAbsent?: boolean;
  discard?: boolean;
}

export function declare(command: Command, app: App): void {
  command
    .argument('[name]', 'what the key is called')
    .option('--name <name>', 'the same as the argument')
    .option('--description <text>', 'what the key is for')
    .addOption(
      new Option('--type <type>', 'view keys can only read; fixed for the life of the key').choices(keyTypes),
    )
    .addOption(
      completes('roles', new Option('--role <name>', 'a role of the key (repeatable)').argParser(collect)),
    )
    .option('--permission <name>', 'a permission, such as dashboards.read (repeatable)', collect)
    .option('--api-version <date>', 'the version of the API that the key speaks')
    .addOption(expiryOption(app))
    .option('--owner <name>', 'the user the key belongs to')
    .option('--label <name=value>', 'a label (repeatable)', collectLabel)
    .option('--if-absent', 'succeed when a key of this name is there already')
    .option('--discard', 'do not print the secret')
    .action((name: string | undefined, options: Options) => create(app, name, options));
}

export async function create(app: App, argument: string | undefined, options: Options): Promise<void> {
  const { name = argument, ifAbsent, discard } = options;
  if (argument !== undefined && name !== argument) {
    throw new KeysError('invalid', `two names are given: '${argument}' and '${name}'`);
  }
  const outlet = openOutlet(app, discard);
  const service = await app.keys('create');
  const { capabilities } = service;
  if (ifAbsent) requireVerb(capabilities, 'list');
  const key = await askForKey(app, capabilities, { ...options, name });
  requireFields(capabilities, key, 'create');
  await outlet.rehearse(sample(key), ifAbsent ? { created: true } : {});

  const present = ifAbsent ? await findByName(service, key.name, key.namespace) : null;
  if (present) return already(present);
  let issued: IssuedKey;
  try {
    issued = await service.create(key);
  } catch (error) {
    // Somebody else may have created it since.
    const rival = ifAbsent && toKeysError(error).code === 'conflict' ? await rivalOf(service, key) : null;
    if (rival) return already(rival);
    throw error;
  }
  await app.note(`created ${called(issued.key)}, ${expiry(issued.key, app.now())}`);
  if (!discard) await app.note('its secret is shown only this once:');
  try {
    await outlet.deliver(issued, ifAbsent ? { created: true } : {});
  } catch (error) {
    throw await takenBack(service, issued.key, deliveryFailure(error));
  }

  async function already(found: Key): Promise<void> {
    const status = found.status === 'active' || found.status === null ? '' : `; it is ${found.status}`;
    await app.note(`${called(found)} is there already${status}; nothing was created`);
    await outlet.report(found, { created: false });
  }
}

function rivalOf(service: KeyService, { name, namespace }: NewKey): Promise<Key | null> {
  return findByName(service, name, namespace).catch(() => null);
}

/** Revokes a key whose secret nobody has, and says how that went. */
async function takenBack(service: KeyService, key: Key, reason: string): Promise<KeysError> {
  try {
    requireVerb(service.capabilities, 'revoke');
    await service.revoke(key.id);
  } catch (error) {
    const failure = toKeysError(error).message;
    return new KeysError(
      'undelivered',
      `${reason}; nobody has the secret of the new key ${called(key)}, which is live: revoking it failed (${failure})`,
      { hint: `keys revoke ${key.id}` },
    );
  }
  return new KeysError('undelivered', `${reason}; the new key ${called(key)} was revoked again`, {
    hint: 'give the secret somewhere to go and create the key once more',
  });
}

/** What the service may answer with, for trying out `--query`. */
function sample({ name, ...fields }: NewKey): Key {
  const time = '2026-11-01T00:00:00.000Z';
  return {
    id: 'key_rehearsed',
    name,
    description: null,
    namespace: 'default',
    owner: null,
    type: 'manage',
    roles: [],
    permissions: [],
    apiVersion: null,
    status: 'active',
    prefix: 'keys_',
    lastFour: 'abcd',
    createdAt: time,
    createdBy: null,
    expiresAt: null,
    lastUsedAt: null,
    rotatedAt: null,
    labels: {},
    version: '1',
    ...Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)),
  };
}
