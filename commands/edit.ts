import { type Command, Option } from 'commander';
import type { App } from '../src/app.ts';
import { requireFields } from '../src/capabilities.ts';
import { KeysError } from '../src/errors.ts';
import type { KeyChanges } from '../src/keys.ts';
import { parseRateLimit } from '../src/rate-limit.ts';
import { oneKey } from './choose.ts';
import { keyNounOf } from './key-noun.ts';
import { requireOthers } from './myself.ts';
import {
  addExamples,
  collect,
  collectLabel,
  completes,
  expiresAt,
  expiryOption,
  keyArgument,
  rateLimitOption,
} from './options.ts';

interface Options {
  name?: string;
  /** False for `--no-description`. */
  description?: string | false;
  role?: string[];
  /** False for `--no-roles`. */
  roles?: boolean;
  permission?: string[];
  /** False for `--no-permissions`. */
  permissions?: boolean;
  expires?: string;
  label?: Record<string, string>;
  removeLabel?: string[];
  rateLimit?: string;
}

export function declare(command: Command, app: App): void {
  const role = new Option('--role <name>', 'the roles it has from now on (repeatable)');
  const permission = new Option('--permission <name>', 'the permissions it has from now on (repeatable)');
  command
    .addArgument(keyArgument('[key]'))
    .option('--name <name>', 'a new name')
    .option('--description <text>', 'a new description')
    .option('--no-description', 'no description any more')
    .addOption(completes('roles', role.argParser(collect)))
    .addOption(new Option('--no-roles', 'no roles any more').conflicts('role'))
    .addOption(permission.argParser(collect))
    .addOption(new Option('--no-permissions', 'no permissions any more').conflicts('permission'))
    .addOption(expiryOption(app))
    .option('--label <name=value>', 'set a label, the others stay (repeatable)', collectLabel)
    .option('--remove-label <name>', 'remove a label (repeatable)', collect)
    .option(
      '--rate-limit <requests/time>',
      'a limit of this key alone, such as 60/1m, or none',
      rateLimitOption,
    )
    .action((ref: string | undefined, options: Options) => edit(app, ref, options));
  addExamples(command, [
    'keys edit ci-deploy --expires 90d',
    'keys edit ci-deploy --role viewer --label team=web',
  ]);
}

export async function edit(app: App, ref: string | undefined, options: Options): Promise<void> {
  const { label = {}, removeLabel = [] } = options;
  const changes = changesFrom(options);
  const relabelled = Object.keys(label).length > 0 || removeLabel.length > 0;
  if (!relabelled && Object.values(changes).every((value) => value === undefined)) {
    throw new KeysError('invalid', 'there is nothing to change', {
      hint: 'keys edit --help lists what can be',
    });
  }
  const service = await app.keys('edit');
  requireFields(service.capabilities, { ...changes, labels: relabelled ? {} : undefined }, 'edit');
  const key = await oneKey(app, service, ref, 'Change which key?');
  if (changes.roles ?? changes.permissions)
    await requireOthers(
      service,
      [key],
      'change what it may do with another credential, such as another admin has',
    );
  const missing = removeLabel.find((name) => !Object.hasOwn(key.labels, name));
  if (missing !== undefined) {
    const names = Object.keys(key.labels);
    throw new KeysError('invalid', `the key has no label '${missing}'`, {
      hint: names.length > 0 ? `its labels: ${names.join(', ')}` : 'it has no labels',
    });
  }
  const kept = Object.entries(key.labels).filter(([name]) => !removeLabel.includes(name));
  const labels = relabelled ? { ...Object.fromEntries(kept), ...label } : undefined;
  // With the version that was read, so that what somebody else changed meanwhile is not overwritten.
  const edited = await service.edit(key.id, { ...changes, labels }, key.version);
  await app.printer.row(keyNounOf(service.capabilities), edited);
}

/** An empty description is none. */
function changesFrom({ name, description, expires, rateLimit, ...sets }: Options): KeyChanges {
  return {
    name,
    description: description === undefined ? undefined : description || null,
    roles: sets.roles === false ? [] : sets.role,
    permissions: sets.permissions === false ? [] : sets.permission,
    expiresAt: expiresAt(expires),
    rateLimit: rateLimit === undefined ? undefined : parseRateLimit(rateLimit),
  };
}
