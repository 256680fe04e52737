/** Where the secret of a create, regenerate or rotate goes, and the operation that takes it there. */
import { type Command, Option } from 'commander';
import type { App } from '../src/app.ts';
import { type Destination, openDestination } from '../src/destinations/index.ts';
import { KeysError } from '../src/errors.ts';
import type { IssuedKey, Key, KeyService } from '../src/keys.ts';
import { credentialDestination, isCredentialSpec } from '../src/operations/credential-destination.ts';
import { type Intent, openJournal } from '../src/operations/journal.ts';
import type { Parts } from '../src/operations/parts.ts';
import { performOperation } from '../src/operations/perform.ts';
import { testSecret } from '../src/operations/test-secret.ts';
import { openOutlet } from '../src/outlet.ts';
import { collect, completes } from './options.ts';

export interface DeliveryOptions {
  to?: string[];
  force?: boolean;
  discard?: boolean;
}

/** What `keys recover` goes on from. */
export interface Resuming {
  /** The service that mints. */
  readonly origin: string;
  /** Where earlier attempts have delivered, or begun to. */
  readonly attempted: readonly string[];
}

export function addDeliveryOptions(command: Command): Command {
  return addDestinationOptions(command).option('--discard', 'throw the secret away');
}

export function addDestinationOptions(command: Command): Command {
  const to = new Option('--to <destination>', 'where the secret goes, stdout when absent (repeatable)');
  return command
    .addOption(completes('destinations', to.argParser(collect)))
    .option('--force', 'replace a file that is there');
}

export interface Delivery {
  /** As the journal and the JSON name them. */
  readonly specs: string[];
  readonly destinations: readonly Destination[];
  /** Those of earlier attempts that are left out this time; they are looked at, and get nothing. */
  readonly earlier: readonly Destination[];
  /** Throws `invalid` when what is printed of a key like this one would lack the secret. */
  rehearse(key: Key, more?: object): Promise<void>;
  /** To be told what was minted, before it is delivered. */
  minted(issued: IssuedKey, more?: object): void;
  /** Prints a key whose secret went elsewhere, or that has none to show. */
  report(key: Key, more?: object): Promise<void>;
}

/**
 * Does the work with the destinations that the options name, once each of them has said that it is ready: before that,
 * nothing is asked of any service. `taken` is done in its place when a destination says that something is there already. Throws
 * `invalid` and what a destination's preflight throws.
 */
export async function withDelivery<T>(
  app: App,
  options: DeliveryOptions & { resuming?: Resuming },
  work: (delivery: Delivery) => Promise<T>,
  taken?: (delivery: Delivery, error: KeysError) => Promise<T>,
): Promise<T> {
  const delivery = await openDelivery(app, options);
  try {
    const conflict = await conflictIn(delivery);
    if (!conflict) return await work(delivery);
    if (!taken) throw conflict;
    return await taken(delivery, conflict);
  } finally {
    for (const destination of [...delivery.destinations, ...delivery.earlier]) await destination.abandon();
  }
}

async function conflictIn({ destinations }: Delivery): Promise<KeysError | null> {
  try {
    for (const destination of destinations) await destination.preflight();
    return null;
  } catch (error) {
    if (error instanceof KeysError && error.code === 'conflict') return error;
    throw error;
  }
}

async function openDelivery(
  app: App,
  { to, force = false, discard = false, resuming }: DeliveryOptions & { resuming?: Resuming },
): Promise<Delivery> {
  if (discard && to)
    throw new KeysError('invalid', '--discard throws the secret away, and --to sends it somewhere');
  if (!resuming && to?.some((spec) => /\{(name|id)\}/.test(spec))) {
    throw new KeysError('invalid', '{name} and {id} in a destination stand for a key in keys rotate alone', {
      hint: 'write the name itself',
    });
  }
  let latest: { issued: IssuedKey; more?: object } | null = null;
  const print = async () => {
    if (latest) await outlet.print(latest.issued, latest.more);
  };
  const context = {
    ...contextOf(app),
    force,
    print,
    resuming: resuming !== undefined,
    explicit: to !== undefined,
  };
  const wanted = discard ? [] : [...new Set(to ?? ['stdout'])];
  const open = (spec: string) =>
    isCredentialSpec(spec)
      ? credentialDestination(app, spec, resuming?.origin)
      : openDestination(spec, context);
  const opened = await Promise.all(wanted.map(open));
  // Two ways to write one place are one destination.
  const destinations = [...new Map(opened.map((each) => [each.spec, each])).values()];
  const specs = destinations.map(({ spec }) => spec);
  requireApart(specs);
  const outlet = openOutlet(app, specs);
  const left = resuming?.attempted.filter((spec) => !specs.includes(spec)) ?? [];
  return {
    specs,
    destinations,
    earlier: await Promise.all(left.map(open)),
    rehearse: outlet.rehearse,
    minted(issued, more) {
      app.redactor.know(issued.secret);
      latest = { issued, more };
    },
    report: outlet.report,
  };
}

/** Throws `invalid` for a file that is to hold the secret alone and among variables. */
function requireApart(specs: readonly string[]): void {
  for (const spec of specs) {
    const path = /^file:(.*)$/s.exec(spec)?.[1];
    const other = path !== undefined && specs.find((each) => each.startsWith(`env-file:${path}#`));
    if (other)
      throw new KeysError('invalid', `${spec} and ${other} are one file`, { hint: 'name two files' });
  }
}

/** What an operation of this run consists of, beyond what it asks for. */
export function partsFor(app: App, service: KeyService, delivery: Delivery, told?: Told): Parts {
  return {
    service,
    destinations: delivery.destinations,
    earlier: delivery.earlier,
    ...(told?.arrived ? { arrived: true } : {}),
    async minted(issued) {
      delivery.minted(issued, told?.more);
      await told?.minted?.(issued);
    },
    test: (secret, operation, options) => testSecret(app, service, secret, operation, options),
    confirm: async (question) =>
      app.options.yes || (app.prompt.available ? app.prompt.confirm(question) : null),
    note: app.note,
  };
}

interface Told {
  /** Further fields of the JSON result. */
  readonly more?: object;
  /** A person says that what was delivered has arrived. */
  readonly arrived?: boolean;
  minted?(issued: IssuedKey): Promise<void>;
}

export type Wish = Pick<Intent, 'command' | 'request'> & Partial<Pick<Intent, 'key' | 'graceMs' | 'check'>>;

/** Runs an operation to its end and prints its result; the key as it is then. */
export async function issue(
  app: App,
  service: KeyService,
  delivery: Delivery,
  wish: Wish,
  told?: Told & { force?: boolean },
): Promise<Key | null> {
  const profile = await app.profile();
  const intent: Intent = {
    key: null,
    graceMs: 0,
    check: null,
    ...wish,
    profile: profile.name,
    origin: profile.url,
    destinations: delivery.specs,
    force: told?.force ?? false,
    startedAt: new Date(app.now()).toISOString(),
  };
  const journal = openJournal(app.paths.state, app.signal, app.now);
  const { key } = await performOperation(journal, intent, partsFor(app, service, delivery, told));
  if (key && !delivery.specs.includes('stdout')) await delivery.report(key, told?.more);
  return key;
}

function contextOf({ io, env, signal, redactor, note, paths, options }: App) {
  const trace = options.debug
    ? (line: string) => void io.stderr.write(`${line}\n`).catch(() => {})
    : undefined;
  return { io, env, signal, redactor, note, paths, trace, timeoutMs: options.timeout };
}
