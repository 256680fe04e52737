import { type Command, Option } from 'commander';
import type { App } from '../../src/app.ts';
import { type Membership, type UserRole, userRoles } from '../../src/users.ts';
import { administered } from '../administered.ts';
import { addExamples } from '../options.ts';
import { addPasswordOptions, newPassword, type PasswordOptions } from '../password.ts';
import { collectMember, userNoun } from './noun.ts';

interface Options extends PasswordOptions {
  role?: UserRole;
  member?: Membership[];
}

export function declare(command: Command, app: App): void {
  addPasswordOptions(command)
    .argument('<name>', 'how the user is called')
    .addOption(new Option('--role <role>', 'an admin may do everything everywhere').choices(userRoles))
    .option('--member <namespace=role>', 'a role in a namespace (repeatable)', collectMember)
    .action((name: string, options: Options) => create(app, name, options));
  addExamples(command, [
    'keys user create bob --member team-a=owner --password',
    'keys user create alice --role admin --password-file password',
  ]);
}

export async function create(app: App, name: string, { role, member, ...rest }: Options): Promise<void> {
  const users = await administered(app, 'users');
  const password = await newPassword(app, rest);
  const user = await users.create({ name, role, password, memberships: member });
  await app.printer.row(userNoun, user);
}
