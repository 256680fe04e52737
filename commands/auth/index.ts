import type { Command } from 'commander';
import type { App } from '../../src/app.ts';
import { type CommandEntry, register } from '../register.ts';

const verbs: readonly CommandEntry[] = [
  {
    name: 'login',
    summary: 'check a credential and keep it for a profile',
    load: () => import('./login.ts'),
  },
  { name: 'logout', summary: 'remove the credential of a profile', load: () => import('./logout.ts') },
  { name: 'status', summary: 'who the credential in force is', load: () => import('./status.ts') },
];

export function declare(command: Command, app: App): void {
  register(command, verbs, app);
}
