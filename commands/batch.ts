/** A verb applied to several keys: who is meant, what is done, and one result a key. */
import type { App } from '../src/app.ts';
import { type ErrorCode, type ErrorJson, errorJson, KeysError, toKeysError } from '../src/errors.ts';
import { readerMayLeave } from '../src/io.ts';
import type { Key, KeyFilter, KeyService } from '../src/keys.ts';
import type { Noun } from '../src/output.ts';
import { mapPooled } from '../src/pool.ts';
import { findKey } from '../src/resolve.ts';
import { count } from '../src/text.ts';
import { chooseKey } from './choose.ts';
import { called } from './key-noun.ts';
import { counter } from './progress.ts';

/** How many keys are worked on at a time. */
const width = 4;

/** What may be wrong with one key while the others are all right. */
const ofOneKey: ReadonlySet<ErrorCode> = new Set(['not_found', 'conflict', 'invalid']);

/** What became of one key. Where none was found, `id` is null and `name` is what was given. */
export interface BatchResult {
  id: string | null;
  name: string;
  ok: boolean;
  error: ErrorJson | null;
}

/** A key that was found, or why none was. */
export type Target = { ref: string; key: Key; error: null } | { ref: string; key: null; error: KeysError };

export interface Work {
  /** What has happened to a key then: `disabled`. */
  readonly done: string;
  apply(service: KeyService, key: Key): Promise<unknown>;
}

const noun: Noun<BatchResult> = {
  columns: [
    { field: 'id', title: 'id', value: ({ id }) => id },
    { field: 'name', title: 'name', value: ({ name }) => name },
    { field: 'ok', title: 'ok', value: ({ ok }) => String(ok) },
    { field: 'error', title: 'error', value: ({ error }) => error && `${error.code}: ${error.message}` },
  ],
  name: ({ name }) => name,
  none: 'no keys',
};

/**
 * The keys given as arguments, `-` standing for ids or names on standard input, one a line; or one that a person
 * chooses. Each key once, in the order given; what cannot be found stays in its place as an error.
 */
export async function targetsFrom(
  app: App,
  service: KeyService,
  args: readonly string[],
  choice: { question: string; filter?: KeyFilter },
): Promise<Target[]> {
  if (args.length === 0) {
    const key = await chooseKey(app, service, choice.question, choice.filter);
    return [{ ref: key.id, key, error: null }];
  }
  const namespace = await app.namespace();
  const refs = [...new Set(await refsFrom(app, args))];
  const found = await mapPooled(refs, width, async (ref): Promise<Target> => {
    app.signal.throwIfAborted();
    try {
      return { ref, key: await findKey(service, ref, namespace), error: null };
    } catch (error) {
      // Anything else concerns them all, and nothing has been changed yet.
      if (error instanceof KeysError && ofOneKey.has(error.code)) return { ref, key: null, error };
      throw error;
    }
  });
  const seen = new Set<string>();
  return found.filter(({ key }) => {
    if (key === null) return true;
    const isFirst = !seen.has(key.id);
    seen.add(key.id);
    return isFirst;
  });
}

async function refsFrom({ io }: App, args: readonly string[]): Promise<string[]> {
  if (!args.includes('-')) return [...args];
  const lines = (await io.stdin.readAll()).split('\n').map((line) => line.trim());
  const refs = args.flatMap((arg) => (arg === '-' ? lines.filter((line) => line !== '') : [arg]));
  if (refs.length > 0) return refs;
  throw new KeysError('invalid', 'there is no key on standard input', {
    hint: 'give ids or names, one a line',
  });
}

/** Does the work, prints what became of each key, and throws when something failed or was left undone. */
export async function runBatch(
  app: App,
  service: KeyService,
  work: Work,
  targets: readonly Target[],
): Promise<void> {
  const progress = counter(app, work.done, targets.length);
  const failures: KeysError[] = [];
  const results = await mapPooled(targets, width, async (target) => {
    const error = target.error ?? (await attempt(target.key));
    if (error) failures.push(error);
    await progress.step();
    return result(target, error);
  });
  await progress.end();
  await readerMayLeave(print(app, work, results));
  if (app.signal.aborted) throw app.signal.reason;
  const [only] = failures;
  if (only && targets.length === 1) throw only;
  if (only) {
    throw new KeysError(
      'partly_failed',
      `${failures.length} of ${count(targets.length, 'key')} could not be ${work.done}`,
      { hint: hintsOf(failures) },
    );
  }

  async function attempt(key: Key): Promise<KeysError | null> {
    if (app.signal.aborted) return new KeysError('interrupted', 'not begun');
    try {
      await work.apply(service, key);
      return null;
    } catch (error) {
      return toKeysError(error);
    }
  }
}

/** What can be done about failures of which many may be alike. */
function hintsOf(failures: readonly KeysError[]): string | null {
  const hints = [...new Set(failures.flatMap(({ hint }) => hint ?? []))];
  return [...hints.slice(0, 3), ...(hints.length > 3 ? ['…'] : [])].join('; ') || null;
}

function result({ ref, key }: Target, error: KeysError | null): BatchResult {
  return {
    id: key?.id ?? null,
    name: key?.name ?? ref,
    ok: error === null,
    error: error && errorJson(error),
  };
}

/** The words of a single failure are those of the error that ends the run. */
async function print({ printer, note }: App, { done }: Work, results: readonly BatchResult[]): Promise<void> {
  const spoken = results.length > 1 ? results : results.filter(({ ok }) => ok);
  if (printer.structured) return printer.rows(noun, [results]);
  if (printer.format === 'table') return printer.value(results, () => spoken.map(words).join(''));
  for (const failed of spoken.filter(({ ok }) => !ok)) await note(words(failed).trimEnd());
  return printer.rows(noun, [printer.format === 'name' ? results.filter(({ ok }) => ok) : spoken]);

  function words({ id, name, error }: BatchResult): string {
    const label = id === null ? name : called({ id, name });
    return error ? `not ${done}: ${label}: ${error.message}\n` : `${done} ${label}\n`;
  }
}
