import { type Command, Option } from 'commander';
import type { App } from '../../src/app.ts';
import { KeysError, toKeysError } from '../../src/errors.ts';
import { type Membership, type User, type UserRole, type Users, userRoles } from '../../src/users.ts';
import { administered } from '../administered.ts';
import { addExamples, collect } from '../options.ts';
import { addPasswordOptions, askPassword, newPassword, type PasswordOptions } from '../password.ts';
import { collectMember, userArgument, userNoun } from './noun.ts';

interface Options extends Omit<PasswordOptions, 'password'> {
  role?: UserRole;
  member?: Membership[];
  leave?: string[];
  /** False for `--no-password`. */
  password?: boolean;
  currentPassword?: boolean;
}

export function declare(command: Command, app: App): void {
  addPasswordOptions(command)
    .addArgument(userArgument())
    .addOption(new Option('--role <role>', 'an admin may do everything everywhere').choices(userRoles))
    .option('--member <namespace=role>', 'a role in a namespace (repeatable)', collectMember)
    .option('--leave <namespace>', 'no role there any more (repeatable)', collect)
    .option('--no-password', 'no password any more')
    .option('--current-password', 'ask for the current one first: to change your own password')
    .action((name: string, options: Options) => edit(app, name, options));
  addExamples(command, [
    'keys user edit bob --member team-b=viewer --leave team-a',
    'keys user edit bob --password --current-password',
  ]);
}

export async function edit(app: App, name: string, options: Options): Promise<void> {
  const { role, member = [], leave = [] } = options;
  const users = await administered(app, 'users');
  const currentPassword = options.currentPassword ? await askPassword(app, 'Current password:') : undefined;
  const password = options.password === false ? null : await newPassword(app, options);
  const own = role !== undefined || password !== undefined;
  if (!own && member.length + leave.length === 0) {
    throw new KeysError('invalid', 'nothing is to be changed', {
      hint: 'say what: --role, --member, --leave, --password',
    });
  }
  let user: User | null = own ? await users.edit(name, { role, password, currentPassword }) : null;
  for (const change of changesOf(users, name, member, leave)) {
    user = await change().catch((error: unknown) => {
      throw user ? changedInPart(name, error) : error;
    });
  }
  if (user) await app.printer.row(userNoun, user);
}

/** The changes before it stand: no exit code may say that there are none. */
function changedInPart(name: string, cause: unknown): KeysError {
  const { message } = toKeysError(cause);
  return new KeysError('partly_failed', `${name} is changed only in part: ${message}`, {
    hint: 'look at what is left to do: keys user list',
    cause,
  });
}

function changesOf(users: Users, name: string, member: readonly Membership[], leave: readonly string[]) {
  return [
    ...leave.map((namespace) => () => users.leave(name, namespace)),
    ...member.map((membership) => () => users.join(name, membership)),
  ];
}
