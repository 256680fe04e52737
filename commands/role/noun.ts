/** How a role is printed, and the option that says what it may do. */
import type { Command } from 'commander';
import type { Noun } from '../../src/output.ts';
import type { Role } from '../../src/users.ts';
import { collect } from '../options.ts';

export const roleNoun: Noun<Role> = {
  columns: [
    { field: 'name', title: 'name', value: ({ name }) => name },
    {
      field: 'permissions',
      title: 'permissions',
      value: ({ permissions }) => permissions.join(',') || null,
      shrinks: true,
    },
    { field: 'builtIn', title: 'built in', value: ({ builtIn }) => String(builtIn) },
  ],
  name: ({ name }) => name,
  none: 'no roles',
};

export interface RoleOptions {
  permission: string[];
}

export function addPermissionOption(command: Command): Command {
  return command.requiredOption(
    '--permission <name>',
    'resource.action, where either may be * (repeatable); they are all that it has',
    collect,
  );
}
