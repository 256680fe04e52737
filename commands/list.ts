import { type Command, Option } from 'commander';
import type { App } from '../src/app.ts';
import { requireTold } from '../src/capabilities.ts';
import { KeysError } from '../src/errors.ts';
import { keyMatcher, keyOrder } from '../src/filter.ts';
import { readerMayLeave } from '../src/io.ts';
import {
  allKeys,
  type Key,
  type KeyFilter,
  type KeyStatus,
  type KeyType,
  keyStatuses,
  keyTypes,
} from '../src/keys.ts';
import { count } from '../src/text.ts';
import { acrossNamespaces, keyNoun, keyNounOf } from './key-noun.ts';
import { addExamples, collectLabel, completes, duration, filled, parsed, wholeNumber } from './options.ts';

interface Options {
  status?: KeyStatus | 'all';
  owner?: string;
  role?: string;
  type?: KeyType;
  label?: Record<string, string>;
  name?: string;
  expiringWithin?: number;
  unusedFor?: number;
  expiry: boolean;
  sort?: (a: Key, b: Key) => number;
  limit?: number;
  allNamespaces?: boolean;
  failIfAny?: boolean;
}

export function declare(command: Command, app: App): void {
  command
    .addOption(new Option('--status <status>', 'only keys in this state').choices([...keyStatuses, 'all']))
    .addOption(completes('users', new Option('--owner <name>', 'only keys of this user').argParser(filled)))
    .addOption(completes('roles', new Option('--role <name>', 'only keys with this role').argParser(filled)))
    .addOption(new Option('--type <type>', 'only keys of this type').choices(keyTypes))
    .option('--label <name=value>', 'only keys with this label (repeatable)', collectLabel)
    .option('--name <glob>', 'only keys whose name matches; * and ? are wildcards', filled)
    .option('--expiring-within <duration>', 'only keys that expire in this time', duration)
    .option('--unused-for <duration>', 'only keys not used for this long', duration)
    .option('--no-expiry', 'only keys that never expire')
    .addOption(
      completes(
        'sort-fields',
        new Option('--sort <field>', 'sort by a field; field:desc for descending').argParser(
          parsed(keyOrder),
        ),
      ),
    )
    .option('--limit <n>', 'at most this many', wholeNumber)
    .option('--all-namespaces', 'keys of every namespace')
    .option('--fail-if-any', 'exit 9 when there is a key to list')
    .action((options: Options) => list(app, options));
  addExamples(command, [
    'keys list --expiring-within 14d',
    'keys list --unused-for 90d -o name',
    "keys list --label team=web --query '[].name'",
  ]);
}

/** Pages of a whole list: few round trips, and still little to hold in memory. */
const pageSize = 500;

export async function list(app: App, options: Options): Promise<void> {
  const { sort, limit = Number.POSITIVE_INFINITY, failIfAny } = options;
  if (app.printer.format === 'ndjson') (await import('../src/heap.ts')).keepHeapSmall();
  const service = await app.keys('list');
  const filter = filterFrom(options, await app.namespace(), app.now());
  requireTold(service.capabilities, filter);
  const { namespace, ...conditions } = filter;
  const isWhole =
    namespace !== null && limit === Number.POSITIVE_INFINITY && !Object.values(conditions).some(Boolean);
  // A person who has just seen the names is about to type one.
  const remembers = isWhole && app.printer.format === 'table';
  const shown: Key[] = [];
  let listed = 0;
  const canCreate = service.capabilities.verbs.includes('create');
  const none = isWhole && canCreate ? 'no keys; keys create <name> makes one' : keyNoun.none;
  const plain = keyNounOf(service.capabilities);
  const noun = options.allNamespaces ? acrossNamespaces(plain) : plain;
  await readerMayLeave(app.printer.rows({ ...noun, none }, sort ? sorted(sort) : inOrder()));
  if (remembers) await (await import('../src/known-keys.ts')).rememberKeys(app, shown);
  if (failIfAny && listed > 0) throw new KeysError('check_failed', `${count(listed, 'key')} found`);

  async function* inOrder(): AsyncGenerator<Key[]> {
    const known: readonly string[] = service.capabilities.filters;
    const filtered = Object.entries(filter).every(
      ([name, value]) => value === undefined || known.includes(name),
    );
    for await (const page of matching(filtered ? Math.min(limit, pageSize) : pageSize)) {
      yield take(page);
      if (listed >= limit) return;
    }
  }

  async function* sorted(order: (a: Key, b: Key) => number): AsyncGenerator<Key[]> {
    const all: Key[] = [];
    for await (const page of matching(pageSize)) all.push(...page);
    yield take(all.sort(order));
  }

  /** Whatever the service does not filter itself is filtered here. */
  async function* matching(size: number): AsyncGenerator<Key[]> {
    const matches = keyMatcher(filter, app.now());
    for await (const page of allKeys(service, filter, size)) {
      app.signal.throwIfAborted();
      yield page.filter(matches);
    }
  }

  function take(keys: Key[]): Key[] {
    const taken = keys.slice(0, limit - listed);
    listed += taken.length;
    if (remembers) shown.push(...taken);
    return taken;
  }
}

function filterFrom(options: Options, namespace: string | null, nowMs: number): KeyFilter {
  const { status, owner, role, type, label, name, expiringWithin, unusedFor } = options;
  return {
    namespace: options.allNamespaces ? null : (namespace ?? undefined),
    statuses: status === 'all' ? keyStatuses : status && [status],
    owner,
    role,
    type,
    labels: label,
    nameGlob: name,
    expiresBefore: expiringWithin === undefined ? undefined : new Date(nowMs + expiringWithin).toISOString(),
    unusedSince: unusedFor === undefined ? undefined : new Date(nowMs - unusedFor).toISOString(),
    noExpiry: options.expiry === false || undefined,
  };
}
