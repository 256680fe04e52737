/** Every command by name, in the order of the help; the code of one is loaded when it is the one to run. */
import type { CommandEntry } from './register.ts';

const onKeys: readonly CommandEntry[] = [
  { name: 'create', summary: 'mint a key; its secret is shown once', load: () => import('./create.ts') },
  { name: 'list', aliases: ['ls'], summary: 'list keys, newest first', load: () => import('./list.ts') },
  { name: 'show', aliases: ['get'], summary: 'show one key', load: () => import('./show.ts') },
  {
    name: 'edit',
    aliases: ['update'],
    summary: 'change name, roles, permissions, expiry, labels',
    load: () => import('./edit.ts'),
  },
  { name: 'disable', summary: 'take keys out of service', load: () => import('./disable.ts') },
  { name: 'enable', summary: 'put disabled keys back', load: () => import('./enable.ts') },
  { name: 'regenerate', summary: 'give a key a new secret', load: () => import('./regenerate.ts') },
  {
    name: 'rotate',
    summary: 'exchange a secret safely: deliver, test, end the old',
    load: () => import('./rotate.ts'),
  },
  {
    name: 'revoke',
    aliases: ['delete', 'rm'],
    summary: 'end keys for good',
    load: () => import('./revoke.ts'),
  },
  {
    name: 'reveal',
    summary: 'show a recoverable secret again',
    load: () => import('./reveal.ts'),
  },
  {
    name: 'verify',
    summary: 'tell whose secret this is, and whether it is good',
    load: () => import('./verify.ts'),
  },
  {
    name: 'report',
    summary: 'say which keys do not follow the usual advice',
    load: () => import('./report.ts'),
  },
  {
    name: 'recover',
    summary: 'list, finish or undo what was interrupted',
    load: () => import('./recover.ts'),
  },
];

const onServices: readonly CommandEntry[] = [
  { name: 'auth', summary: 'the credential of a profile', load: () => import('./auth/index.ts') },
  { name: 'profile', summary: 'named key services', load: () => import('./profile/index.ts') },
  {
    name: 'user',
    summary: 'who keys belong to, and what they may do',
    load: () => import('./user/index.ts'),
  },
  {
    name: 'namespace',
    summary: 'where keys are, and how many there may be',
    load: () => import('./namespace/index.ts'),
  },
  { name: 'role', summary: 'what users and keys may do', load: () => import('./role/index.ts') },
  {
    name: 'audit',
    summary: 'what was done, by whom, and whether that log is whole',
    load: () => import('./audit/index.ts'),
  },
  { name: 'serve', summary: 'run the key service', load: () => import('./serve/index.ts') },
];

const others: readonly CommandEntry[] = [
  {
    name: 'completion',
    summary: 'print a completion script for a shell',
    load: () => import('./completion.ts'),
  },
  { name: 'help', summary: 'show help about a command or a topic', load: () => import('./help/index.ts') },
  {
    name: '__complete',
    summary: 'complete a command line; what the completion scripts ask',
    hidden: true,
    load: () => import('./complete/index.ts'),
  },
  {
    name: '__learn',
    summary: 'have the names of keys at hand for completion',
    hidden: true,
    load: () => import('./complete/learn.ts'),
  },
];

export const commands: readonly CommandEntry[] = [
  ...under('Keys:', onKeys),
  ...under('Services and credentials:', onServices),
  ...under('Other:', others),
];

/** Puts commands under a heading of the help. */
function under(heading: string, entries: readonly CommandEntry[]): CommandEntry[] {
  return entries.map((entry) => ({ ...entry, heading }));
}
