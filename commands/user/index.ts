import type { Command } from 'commander';
import type { App } from '../../src/app.ts';
import { type CommandEntry, register } from '../register.ts';

const verbs: readonly CommandEntry[] = [
  { name: 'list', aliases: ['ls'], summary: 'list users', load: () => import('./list.ts') },
  { name: 'create', summary: 'make a user', load: () => import('./create.ts') },
  {
    name: 'edit',
    summary: 'change role, password and namespaces',
    load: () => import('./edit.ts'),
  },
  {
    name: 'disable',
    summary: 'stop all keys and sessions of a user at once',
    load: () => import('./disable.ts'),
  },
  { name: 'enable', summary: 'let their keys work again', load: () => import('./enable.ts') },
];

export function declare(command: Command, app: App): void {
  register(command, verbs, app);
}
