/** Every command by name, in the order of the help; the code of one is loaded when it is the one to run. */
import type { CommandEntry } from './register.ts';

export const commands: readonly CommandEntry[] = [
  { name: 'create', summary: 'mint a key; its secret is shown once', load: () => import('./create.ts') },
  { name: 'list', aliases: ['ls'], summary: 'list keys, newest first', load: () => import('./list.ts') },
  { name: 'show', aliases: ['get'], summary: 'show one key', load: () => import('./show.ts') },
  {
    name: 'edit',
    aliases: ['update'],
    summary: 'change name, description, roles, permissions, expiry, labels',
    load: () => import('./edit.ts'),
  },
  { name: 'disable', summary: 'take keys out of service', load: () => import('./disable.ts') },
  { name: 'enable', summary: 'put disabled keys back', load: () => import('./enable.ts') },
  { name: 'regenerate', summary: 'give a key a new secret', load: () => import('./regenerate.ts') },
  {
    name: 'revoke',
    aliases: ['delete', 'rm'],
    summary: 'end keys for good',
    load: () => import('./revoke.ts'),
  },
  {
    name: 'verify',
    summary: 'which key is this secret, and is it good? reads the secret from stdin',
    load: () => import('./verify.ts'),
  },
  { name: 'auth', summary: 'the credential of a profile', load: () => import('./auth/index.ts') },
  { name: 'profile', summary: 'named key services', load: () => import('./profile/index.ts') },
];
