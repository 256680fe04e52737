/** What a word could be. */
import type { Argument, Command, Option } from 'commander';
import type { App } from '../../src/app.ts';
import { localName } from '../../src/config.ts';
import { sortFields } from '../../src/filter.ts';
import type { KnownKey } from '../../src/known-keys.ts';
import { terminalSafe } from '../../src/text.ts';
import { topics } from '../help/topics.ts';
import { type CompletionSource, completionOf } from '../options.ts';
import { declared, findSubcommand } from '../register.ts';
import type { Place } from './words.ts';

export interface Candidate {
  readonly value: string;
  /** A few words beside it, or nothing. */
  readonly about: string;
}

/** What the word could be; `files` leaves it to the shell. */
export async function candidates(app: App, place: Place): Promise<Candidate[] | 'files'> {
  if (place.wants === 'subcommand') return subcommands(place.command);
  if (place.wants === 'option') return optionNames(place);
  if (!place.part) return [];
  return values(app, place, place.part);
}

async function values(app: App, place: Place, part: Argument | Option): Promise<Candidate[] | 'files'> {
  if (part.argChoices) return part.argChoices.map((value) => ({ value, about: '' }));
  const source = completionOf(part);
  if (source === 'files' || (source === 'destinations' && /^(?:env-)?file:/.test(place.typed)))
    return 'files';
  return source ? sources[source](app, place) : [];
}

const sources: Record<
  Exclude<CompletionSource, 'files'>,
  (app: App, place: Place) => Promise<Candidate[]>
> = {
  async keys(app, place) {
    const { knownKeys } = await import('../../src/known-keys.ts');
    return keyNames(await knownKeys(app, place.typed), place);
  },
  /** Those who have keys: who has none is rarely what is looked for. */
  async users(app, place) {
    const { knownKeys } = await import('../../src/known-keys.ts');
    const owners = (await knownKeys(app, place.typed)).flatMap(({ owner }) => owner ?? []);
    return [...new Set(owners)].filter(canBeTyped).map((value) => ({ value, about: '' }));
  },
  async profiles(app) {
    const { readConfig } = await import('../../src/config-file.ts');
    const profiles = Object.entries((await readConfig(app)).profiles);
    return [
      { value: localName, about: 'the embedded service' },
      ...profiles.map(([value, { url }]) => ({ value, about: url })),
    ];
  },
  async destinations() {
    const { destinationKinds } = await import('../../src/destinations/index.ts');
    return (await destinationKinds()).map(({ name, syntax, summary }) => ({
      value: syntax === name ? name : `${name}:`,
      about: summary,
    }));
  },
  async operations({ paths, signal }) {
    const { openJournal } = await import('../../src/operations/journal.ts');
    const { operations } = await openJournal(paths.state, signal).list();
    return operations.map(({ id, command, minted, key }) => ({
      value: id,
      about: `${command} ${(minted ?? key)?.name ?? ''}`.trim(),
    }));
  },
  async roles() {
    const { builtInRoles } = await import('../../src/service/grants.ts');
    return Object.keys(builtInRoles).map((value) => ({ value, about: '' }));
  },
  async 'sort-fields'() {
    return sortFields.flatMap((field) => [field, `${field}:desc`]).map((value) => ({ value, about: '' }));
  },
  async topics(_app, { program, before }) {
    let command = program;
    for (const word of before) {
      const found = findSubcommand(command, word);
      if (!found) return [];
      command = await declared(found);
    }
    const pages =
      command === program ? topics.map(({ name, summary }) => ({ value: name, about: summary })) : [];
    return [...subcommands(command), ...pages];
  },
};

/** Keys by name; by id where the name is not one key's alone, and where an id is being typed. */
function keyNames(keys: readonly KnownKey[], { before, typed }: Place): Candidate[] {
  const uses = new Map<string, number>();
  for (const { name } of keys) uses.set(name, (uses.get(name) ?? 0) + 1);
  return keys
    .filter(({ id, name }) => !before.includes(id) && !before.includes(name))
    .flatMap(({ id, name, status }) => {
      const byName = uses.get(name) === 1 && canBeTyped(name);
      const candidates = byName ? [{ value: name, about: status ?? '' }] : [];
      if (canBeTyped(id) && (!byName || (typed !== '' && id.startsWith(typed)))) {
        candidates.push({ value: id, about: terminalSafe(name) });
      }
      return candidates;
    });
}

/** A name that would move the cursor, or be taken for an option, is not offered. */
function canBeTyped(name: string): boolean {
  return name !== '' && !name.startsWith('-') && terminalSafe(name) === name;
}

function subcommands(parent: Command): Candidate[] {
  const visible = parent.createHelp().visibleCommands(parent);
  return visible.map((command) => ({ value: command.name(), about: command.description() }));
}

/** Long names of the options that are not given yet, or may be given again. */
function optionNames({ command, options }: Place): Candidate[] {
  const help = command.createHelp();
  return [...help.visibleOptions(command), ...help.visibleGlobalOptions(command)]
    .filter((option) => option.parseArg || !options.has(option.attributeName()))
    .flatMap(({ long, description }) => (long ? [{ value: long, about: description }] : []));
}
