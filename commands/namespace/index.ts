import type { Command } from 'commander';
import type { App } from '../../src/app.ts';
import { type CommandEntry, register } from '../register.ts';

const verbs: readonly CommandEntry[] = [
  { name: 'list', aliases: ['ls'], summary: 'list namespaces', load: () => import('./list.ts') },
  { name: 'create', summary: 'make a namespace', load: () => import('./create.ts') },
  {
    name: 'edit',
    summary: 'change the quota, and whether keys may be recoverable',
    load: () => import('./edit.ts'),
  },
];

export function declare(command: Command, app: App): void {
  register(command, verbs, app);
}
