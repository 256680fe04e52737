import { basename } from 'node:path';
import { Argument, type Command } from 'commander';
import type { App } from '../src/app.ts';
import { type ErrorJson, errorJson, KeysError, toKeysError } from '../src/errors.ts';
import type { KeyService } from '../src/keys.ts';
import { type Journal, openJournal } from '../src/operations/journal.ts';
import type { Operation } from '../src/operations/operation.ts';
import { resumeOperation } from '../src/operations/perform.ts';
import { undo } from '../src/operations/undo.ts';
import { profileNamed } from '../src/resolve-profile.ts';
import { count, shellWord } from '../src/text.ts';
import { addDeliveryOptions, type DeliveryOptions, partsFor, withDelivery } from './delivery.ts';
import { operationJson, operationNoun } from './operation-noun.ts';
import { addExamples, completes } from './options.ts';

interface Options extends DeliveryOptions {
  all?: boolean;
  undo?: boolean;
  arrived?: boolean;
}

export function declare(command: Command, app: App): void {
  addDeliveryOptions(command)
    .addArgument(
      completes(
        'operations',
        new Argument('[operation]', 'its id; without one, the unfinished operations are listed'),
      ),
    )
    .option('--all', 'every unfinished operation')
    .option('--undo', 'revoke what was minted in place of delivering it')
    .option('--arrived', 'the secret has arrived, where only you can know')
    .action((id: string | undefined, options: Options) => recover(app, id, options));
  addExamples(command, ['keys recover', 'keys recover --all']);
}

const listing = 'keys recover lists them';

export async function recover(app: App, id: string | undefined, options: Options): Promise<void> {
  refuseContradiction(id, options);
  const journal = openJournal(app.paths.state, app.signal, app.now);
  const { operations, damaged } = await journal.list();
  for (const file of damaged) {
    await app.note(
      `${file} is damaged or was written by a newer keys or another user; use what wrote it, or look into it before it is removed`,
    );
  }
  const unfinished = operations.filter(({ state }) => state !== 'unproven');
  const unreadable = damaged.map((file) => basename(file, '.json'));
  if (options.all) return recoverAll(app, journal, unfinished, unreadable, options);
  if (id === undefined) return listAll(app, unfinished, unreadable);
  const operation = operations.find((one) => one.id === id);
  if (unreadable.includes(id)) throw cannotBeRead(id);
  if (!operation) {
    throw new KeysError('not_found', `there is no unfinished operation '${id}'`, {
      hint: listing,
    });
  }
  await recoverOne(app, journal, operation, options);
}

/** Throws `invalid` for options that do not go together, or not with what is named. */
function refuseContradiction(id: string | undefined, { all, undo, arrived, to }: Options): void {
  const refusal = (message: string, hint?: string) => new KeysError('invalid', message, { hint });
  if (id !== undefined && all) throw refusal('--all and an operation exclude each other');
  if (undo && to) throw refusal('--undo delivers nothing; leave out --to');
  if (undo && arrived) throw refusal('--undo and --arrived exclude each other');
  if (arrived && id === undefined) throw refusal('--arrived is said of one operation: name it', listing);
  if (undo && id === undefined && !all) throw refusal('--undo takes an operation, or --all', listing);
}

async function listAll(
  app: App,
  operations: readonly Operation[],
  unreadable: readonly string[],
): Promise<void> {
  await app.printer.rows(operationNoun, [operations.map(operationJson)]);
  if (unreadable.length === 0) return;
  const all = operations.length + unreadable.length;
  throw new KeysError(
    'partly_failed',
    `${unreadable.length} of ${count(all, 'operation')} could not be read`,
  );
}

/** One result an operation; those whose secret goes to standard output print it there, and nothing else is printed then. */
async function recoverAll(
  app: App,
  journal: Journal,
  operations: readonly Operation[],
  unreadable: readonly string[],
  options: Options,
): Promise<void> {
  const results: { id: string; name: string | null; ok: boolean; error: ErrorJson | null }[] = unreadable.map(
    (id) => ({ id, name: null, ok: false, error: errorJson(cannotBeRead(id)) }),
  );
  for (const operation of operations) {
    app.signal.throwIfAborted();
    const { id, minted, key } = operation;
    const name = (minted ?? key)?.name ?? null;
    try {
      if (
        app.printer.structured &&
        (options.to ?? operation.destinations).includes('stdout') &&
        !options.undo
      ) {
        throw new KeysError('invalid', 'its secret goes to standard output, where the results are', {
          hint: `keys recover ${id}`,
        });
      }
      await recoverOne(app, journal, operation, options, { silent: true });
      results.push({ id, name, ok: true, error: null });
    } catch (error) {
      const failure = toKeysError(error);
      results.push({ id, name, ok: false, error: errorJson(failure) });
      if (app.printer.structured) continue;
      await app.note(`not recovered: ${id}: ${failure.message}`);
      if (failure.hint) await app.note(`hint: ${failure.hint}`);
    }
  }
  if (app.printer.structured) await app.printer.value(results, () => '');
  const failed = results.filter(({ ok }) => !ok).length;
  if (failed > 0)
    throw new KeysError(
      'partly_failed',
      `${failed} of ${count(results.length, 'operation')} could not be ended`,
    );
}

function cannotBeRead(id: string): KeysError {
  return new KeysError('invalid', `the operation '${id}' cannot be read`, {
    hint: 'use the version of keys that wrote it, or look into its file',
  });
}

async function recoverOne(
  app: App,
  journal: Journal,
  operation: Operation,
  options: Options,
  { silent = false } = {},
): Promise<void> {
  const { id, origin, destinations, force, attempted, state } = operation;
  const service = await serviceOf(app, operation);
  if (options.undo) {
    await journal.resume(id, (held) => undo(held, service));
    await app.note(`${id} is undone${leftIn(attempted)}`);
    return;
  }
  const wanted = options.discard ? {} : { to: options.to ?? destinations };
  const resuming = { origin, attempted, arrived: options.arrived ?? false };
  const delivering = { ...options, ...wanted, force: options.force || force, resuming };
  await withDelivery(app, delivering, async (delivery) => {
    const parts = partsFor(app, service, delivery, resuming);
    const { key, nothingLeft } = await resumeOperation(journal, id, parts);
    const left = state === 'failed' ? leftIn(attempted) : '';
    await app.note(
      nothingLeft ? `${id} is ended; nothing was minted in its place${left}` : `${id} is finished`,
    );
    if (key && !silent && !delivery.specs.includes('stdout')) await delivery.report(key);
  });
}

/** Places that nobody has put back what they held into. */
function leftIn(attempted: readonly string[]): string {
  const places = attempted.filter((spec) => spec !== 'stdout');
  return places.length === 0 ? '' : `; ${places.join(', ')} may still have the revoked secret`;
}

/** The service an operation was begun on. Throws `invalid` when its profile leads elsewhere by now. */
async function serviceOf(app: App, { profile: name, origin, id }: Operation): Promise<KeyService> {
  const profile =
    app.options.profile || name === 'environment'
      ? await app.profile()
      : await profileNamed(app, name).catch((error: unknown) => {
          if (!(error instanceof KeysError && error.code === 'not_found')) throw error;
          throw new KeysError('not_found', `operation ${id} was begun on ${origin}, and ${error.message}`, {
            hint: `make it again, with the --driver it had: keys auth login -p ${name} --url ${shellWord(origin)}`,
            cause: error,
          });
        });
  if (profile.url === origin) return app.open(profile, 'get');
  throw new KeysError(
    'invalid',
    `operation ${id} was begun on ${origin}, and profile ${profile.name} is ${profile.url}`,
    {
      hint:
        name === 'environment'
          ? `set KEYS_URL=${shellWord(origin)} and its credential`
          : `choose the profile of ${origin} with -p`,
    },
  );
}
