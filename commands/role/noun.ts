/** How a role is printed. */
import type { Noun } from '../../src/output.ts';
import type { Role } from '../../src/users.ts';

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
