/** How a role is printed. */
import type { Role } from '../../src/keys.ts';
import type { Noun } from '../../src/output.ts';

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
