import { type Command, Option } from 'commander';
import {
  byUrgency,
  type Finding,
  type FindingName,
  findingNames,
  findingsOn,
  untoldBehind,
} from '../src/advice.ts';
import type { App } from '../src/app.ts';
import { untoldFact } from '../src/capabilities.ts';
import { KeysError } from '../src/errors.ts';
import { keyMatcher } from '../src/filter.ts';
import { readerMayLeave } from '../src/io.ts';
import { allKeys, type Capabilities, type KeyFilter } from '../src/keys.ts';
import type { Noun } from '../src/output.ts';
import { count } from '../src/text.ts';
import { parseDuration, relative } from '../src/time.ts';
import { acrossNamespaces, nameOrId } from './key-noun.ts';
import { addExamples, completes, duration, filled, repeatable } from './options.ts';

interface Options {
  only?: FindingName[];
  expiringWithin: number;
  unusedFor: number;
  olderThan: number;
  owner?: string;
  allNamespaces?: boolean;
  failIfAny?: boolean;
}

export function declare(command: Command, app: App): void {
  const limit = (flags: string, description: string, text: string) =>
    new Option(flags, description).argParser(duration).default(parseDuration(text), text);
  command
    .addOption(repeatable('--only <finding>', 'look for this alone', findingNames))
    .addOption(limit('--expiring-within <duration>', 'what is expiring', '14d'))
    .addOption(limit('--unused-for <duration>', 'what is unused', '90d'))
    .addOption(limit('--older-than <duration>', 'what is an old secret', '180d'))
    .addOption(completes('users', new Option('--owner <name>', 'only keys of this user').argParser(filled)))
    .option('--all-namespaces', 'keys of every namespace')
    .option('--fail-if-any', 'exit 9 when there is something to report')
    .action((options: Options) => report(app, options));
  addExamples(command, [
    'keys report',
    'keys report --all-namespaces --fail-if-any',
    'keys report --only disabled -o name | keys revoke --yes -',
  ]);
}

const findingNoun: Noun<Finding> = {
  columns: [
    {
      field: 'finding',
      title: 'finding',
      value: ({ finding }) => finding,
      tone: ({ finding }) => (finding === 'expired' ? 'red' : finding === 'expiring' ? 'amber' : null),
    },
    // On a narrow terminal `next`, which has it, stays longer.
    { field: 'id', title: 'id', value: ({ id }) => id, dispensable: 1 },
    { field: 'name', title: 'name', value: ({ name }) => name, shrinks: true },
    { field: 'namespace', title: 'namespace', value: ({ namespace }) => namespace, dispensable: 4 },
    { field: 'owner', title: 'owner', value: ({ owner }) => owner, dispensable: 3 },
    {
      field: 'time',
      title: 'time',
      value: ({ time }) => time,
      human: ({ time }, nowMs) => (time === null ? null : relative(time, nowMs)),
      dispensable: 2,
    },
    { field: 'next', title: 'next', value: ({ next }) => next, dispensable: 1 },
  ],
  name: nameOrId,
  none: 'nothing to report',
};

export async function report(app: App, options: Options): Promise<void> {
  const service = await app.keys('list');
  const names = await lookedFor(app, service.capabilities, options.only);
  const filter: KeyFilter = {
    namespace: options.allNamespaces ? null : ((await app.namespace()) ?? undefined),
    owner: options.owner,
  };
  const nowMs = app.now();
  const limits = {
    expiringWithinMs: options.expiringWithin,
    unusedForMs: options.unusedFor,
    olderThanMs: options.olderThan,
  };
  const findings: Finding[] = [];
  const matches = keyMatcher(filter, nowMs);
  let looked = 0;
  for await (const page of allKeys(service, filter, 500)) {
    app.signal.throwIfAborted();
    for (const key of page.filter(matches)) {
      looked += 1;
      findings.push(...findingsOn(key, names, { limits, service: service.capabilities, nowMs }));
    }
  }
  const noun = options.allNamespaces ? acrossNamespaces(findingNoun) : findingNoun;
  await readerMayLeave(app.printer.rows(noun, [findings.sort(byUrgency)]));
  const concerned = new Set(findings.map(({ id }) => id)).size;
  const said = `${count(findings.length, 'finding')} on ${concerned} of ${count(looked, 'key')}`;
  if (options.failIfAny && findings.length > 0) throw new KeysError('check_failed', said);
  await app.note(said);
}

/** What there is to look for. Throws `unsupported` for what was asked for by name and cannot be told. */
async function lookedFor(
  app: App,
  service: Capabilities,
  only: readonly FindingName[] | undefined,
): Promise<FindingName[]> {
  const names: FindingName[] = [];
  for (const name of findingNames) {
    if (only && !only.includes(name)) continue;
    const untold = untoldBehind(name, service);
    if (untold === null) {
      names.push(name);
      continue;
    }
    const fact = untoldFact(service, untold);
    if (only)
      throw new KeysError('unsupported', fact, {
        hint: `nothing true could be said of '${name}': keys report`,
      });
    await app.note(`${fact}: '${name}' is not looked for`);
  }
  return names;
}
