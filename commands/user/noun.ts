/** How a user is printed, and how one is named on the command line. */
import { Argument } from 'commander';
import { KeysError } from '../../src/errors.ts';
import type { Noun } from '../../src/output.ts';
import { relative } from '../../src/time.ts';
import type { Membership, User } from '../../src/users.ts';
import { completes, parsed } from '../options.ts';

export const userNoun: Noun<User> = {
  columns: [
    { field: 'name', title: 'name', value: ({ name }) => name, shrinks: true },
    { field: 'role', title: 'role', value: ({ role }) => role },
    { field: 'status', title: 'status', value: ({ status }) => status },
    {
      field: 'memberships',
      title: 'namespaces',
      value: ({ memberships }) =>
        memberships.map(({ namespace, role }) => `${namespace}=${role}`).join(',') || null,
    },
    {
      field: 'hasPassword',
      title: 'password',
      value: ({ hasPassword }) => String(hasPassword),
      human: ({ hasPassword }) => (hasPassword ? 'yes' : 'none'),
      dispensable: 2,
    },
    {
      field: 'createdAt',
      title: 'created',
      value: ({ createdAt }) => createdAt,
      human: ({ createdAt }, nowMs) => relative(createdAt, nowMs),
      dispensable: 1,
    },
  ],
  name: ({ name }) => name,
  tone: ({ status }) => (status === 'disabled' ? 'dim' : null),
  none: 'no users',
};

export function userArgument(flags = '<name>', description = 'the user'): Argument {
  return completes('users', new Argument(flags, description));
}

/** For the repeatable `--member namespace=role`. */
export function collectMember(text: string, previous: Membership[] | undefined): Membership[] {
  return [...(previous ?? []), membership(text)];
}

const membership = parsed((text): Membership => {
  const [, namespace, role] = /^([^=]+)=([^=]+)$/.exec(text) ?? [];
  if (namespace && role) return { namespace, role };
  throw new KeysError('invalid', `'${text}' is not a membership`, { hint: 'write it as namespace=role' });
});
