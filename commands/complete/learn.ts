/** `keys __learn`: what `keys __complete` runs aside, to have the names of keys at hand. */
import type { Command } from 'commander';
import type { App } from '../../src/app.ts';
import { learnKeys } from '../../src/known-keys.ts';

export function declare(command: Command, app: App): void {
  command.action(() => learnKeys(app));
}
