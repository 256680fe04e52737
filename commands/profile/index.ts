import type { Command } from 'commander';
import type { App } from '../../src/app.ts';
import { type CommandEntry, register } from '../register.ts';

const verbs: readonly CommandEntry[] = [
  { name: 'list', aliases: ['ls'], summary: 'list profiles', load: () => import('./list.ts') },
  {
    name: 'show',
    aliases: ['get'],
    summary: 'show a profile and what its service can do',
    load: () => import('./show.ts'),
  },
  { name: 'add', summary: 'add a profile without logging in', load: () => import('./add.ts') },
  {
    name: 'check',
    summary: 'ask its service for a list, and tell what each field holds',
    load: () => import('./check.ts'),
  },
  { name: 'use', summary: 'choose the profile to work on from now on', load: () => import('./use.ts') },
  { name: 'rename', summary: 'give a profile another name', load: () => import('./rename.ts') },
  {
    name: 'remove',
    aliases: ['rm'],
    summary: 'remove a profile and its credential',
    load: () => import('./remove.ts'),
  },
];

export function declare(command: Command, app: App): void {
  register(command, verbs, app);
}
