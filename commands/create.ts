import { type Command, Option } from 'commander';
import type { App } from '../src/app.ts';
import { requireFields, requireVerb } from '../src/capabilities.ts';
import { KeysError, toKeysError } from '../src/errors.ts';
import { blankKey, type Key, type KeyService, type KeyType, keyTypes, type NewKey } from '../src/keys.ts';
import { openJournal } from '../src/operations/journal.ts';
import { findByName } from '../src/resolve.ts';
import { addDeliveryOptions, type Delivery, type DeliveryOptions, issue, withDelivery } from './delivery.ts';
import { called, toldExpiry } from './key-noun.ts';
import { askForKey } from './new-key.ts';
import { addExamples, collect, collectLabel, completes, expiryOption, rateLimitOption } from './options.ts';

export interface Options extends DeliveryOptions {
  name?: string;
  description?: string;
  type?: KeyType;
  role?: string[];
  permission?: string[];
  apiVersion?: string;
  expires?: string;
  owner?: string;
  label?: Record<string, string>;
  rateLimit?: string;
  recoverable?: boolean;
  ifAbsent?: boolean;
}

export function declare(command: Command, app: App): void {
  addDeliveryOptions(command)
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
    .addOption(completes('users', new Option('--owner <name>', 'the user the key belongs to')))
    .option('--label <name=value>', 'a label (repeatable)', collectLabel)
    .option('--rate-limit <requests/time>', 'a limit of this key alone, such as 60/1m', rateLimitOption)
    .option('--recoverable', 'keep the secret, encrypted, so that it can be shown again')
    .option('--if-absent', 'succeed when a key of this name is there already')
    .action((name: string | undefined, options: Options) => create(app, name, options));
  addExamples(command, [
    'keys create ci-deploy --role editor --expires 90d',
    'keys create grafana --type view --permission dashboards.read',
    'keys create backup --if-absent -o json | jq -r .key.id',
  ]);
}

export async function create(app: App, argument: string | undefined, options: Options): Promise<void> {
  const { name = argument } = options;
  if (argument !== undefined && name !== argument) {
    throw new KeysError('invalid', `two names are given: '${argument}' and '${name}'`);
  }
  const run = (delivery: Delivery, taken?: KeysError) =>
    createAndDeliver(app, delivery, { ...options, name }, taken);
  // A run before may have put the file there, with the secret of the key that is to be there.
  await withDelivery(app, options, run, options.ifAbsent ? run : undefined);
}

/** `taken` says that the secret of a new key could not be delivered. */
async function createAndDeliver(
  app: App,
  delivery: Delivery,
  options: Options,
  taken?: KeysError,
): Promise<void> {
  const { ifAbsent, force } = options;
  const service = await app.keys('create');
  const { capabilities } = service;
  if (ifAbsent) requireVerb(capabilities, 'list');
  const key = await askForKey(app, capabilities, options);
  requireFields(capabilities, key, 'create');
  const more = ifAbsent ? { created: true } : {};
  await delivery.rehearse(sample(key), more);

  const present = ifAbsent ? await findByName(service, key.name, key.namespace) : null;
  if (present) return already(present);
  if (taken) throw taken;
  try {
    await issue(
      app,
      service,
      delivery,
      { command: 'create', request: { kind: 'create', key } },
      {
        more,
        force,
        minted: async (issued) => {
          const when = toldExpiry(capabilities, issued.key, app.now());
          await app.note(`created ${called(issued.key)}${when ? `, ${when}` : ''}`);
          if (delivery.specs.includes('stdout')) await app.note(shownOnce(issued.key));
        },
      },
    );
  } catch (error) {
    // Somebody else may have created it since.
    const rival = ifAbsent && toKeysError(error).code === 'conflict' ? await rivalOf(service, key) : null;
    if (rival) return already(rival);
    throw error;
  }

  async function already(found: Key): Promise<void> {
    await requireDelivered(app, found);
    const status = found.status === 'active' || found.status === null ? '' : `; it is ${found.status}`;
    await app.note(`${called(found)} is there already${status}; nothing was created`);
    await delivery.report(found, { created: false, destinations: [] });
  }
}

function shownOnce({ recoverable }: Key): string {
  return recoverable ? 'its secret, which keys reveal shows again:' : 'its secret is shown only this once:';
}

/** Throws `undelivered` when an earlier create of this key was interrupted before its secret had arrived. */
async function requireDelivered(app: App, { id, name }: Key): Promise<void> {
  const { url } = await app.profile();
  const journal = openJournal(app.paths.state, app.signal, app.now);
  const find = async () =>
    (await journal.list()).operations.find(
      ({ origin, request, minted, state }) =>
        origin === url &&
        state !== 'unproven' &&
        request.kind === 'create' &&
        (minted?.id ?? id) === id &&
        request.key.name === name,
    );
  // Not interrupted yet, when another process is at it; there may be several, of which one mints.
  const settled = new Set<string>();
  let unfinished = await find();
  while (unfinished && !settled.has(unfinished.id)) {
    await journal.settled(unfinished.id);
    settled.add(unfinished.id);
    unfinished = await find();
  }
  if (!unfinished) return;
  throw new KeysError(
    'undelivered',
    `${called({ id, name })} is there, but its secret has not been delivered yet`,
    {
      hint: `keys recover ${unfinished.id}`,
    },
  );
}

function rivalOf(service: KeyService, { name, namespace }: NewKey): Promise<Key | null> {
  return findByName(service, name, namespace).catch(() => null);
}

/** What the service may answer with, for trying out `--query`. */
function sample({ name, ...fields }: NewKey): Key {
  return {
    ...blankKey,
    id: 'key_rehearsed',
    name,
    namespace: 'default',
    type: 'manage',
    status: 'active',
    prefix: 'keys_',
    lastFour: 'abcd',
    createdAt: '2026-11-01T00:00:00.000Z',
    recoverable: false,
    version: '1',
    ...Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)),
  };
}
