import { type Command, Option } from 'commander';
import type { App } from '../../src/app.ts';
import { auditOutcomes } from '../../src/audit.ts';
import { parsePast } from '../../src/time.ts';
import { addExamples, parsed, wholeNumber } from '../options.ts';
import { type CommandEntry, register } from '../register.ts';
import { type CheckOptions, check } from './check.ts';
import { type ShowOptions, show } from './show.ts';

const verbs: readonly CommandEntry[] = [
  {
    name: 'checkpoint',
    summary: 'print the head of the log, to keep elsewhere',
    load: () => import('./checkpoint.ts'),
  },
  { name: 'export', summary: 'print all rows with their hashes', load: () => import('./export.ts') },
];

type Options = ShowOptions & CheckOptions;

/** What shows some of the rows; all of them are checked. */
const ofSome = ['since', 'until', 'actor', 'key', 'action', 'outcome', 'limit', 'oldestFirst', 'follow'];

export function declare(command: Command, app: App): void {
  const past = parsed((text) => parsePast(text, app.now()));
  command
    .option('--since <when>', 'only rows from then on: 7d, a date (UTC) or an RFC 3339 time', past)
    .option('--until <when>', 'only rows before then', past)
    .option('--actor <user>', 'only what was done in the name of this user')
    .option('--key <key>', 'only what this key did or what was done to it; its id or name')
    .option('--action <action>', 'only this: create, revoke, verify, login, …')
    .addOption(new Option('--outcome <outcome>', 'only what ended so').choices(auditOutcomes))
    .option('--limit <n>', 'at most this many', wholeNumber)
    .option('--oldest-first', 'begin with the oldest row')
    .option('--follow', 'go on with new rows until interrupted')
    .addOption(
      new Option('--check', 'recompute the chain of all rows; exit 9 when it is broken').conflicts(ofSome),
    )
    .addOption(
      new Option('--checkpoint <file>', 'heads that were kept, or - for standard input').implies({
        check: true,
      }),
    )
    .addOption(new Option('--from <file>', 'check this export, not the service').implies({ check: true }))
    .action((options: Options) => (options.check ? check(app, options) : show(app, options)));
  register(command, verbs, app);
  addExamples(command, [
    'keys audit --since 7d --action revoke',
    'keys audit --key ci-deploy --follow',
    'keys audit --check --checkpoint heads.ndjson',
  ]);
}
