import { Argument, type Command } from 'commander';
import type { App } from '../../src/app.ts';
import { localName } from '../../src/config.ts';
import { changeConfig } from '../../src/config-file.ts';
import { requireEntry } from '../../src/resolve-profile.ts';
import { addExamples, completes } from '../options.ts';

export function declare(command: Command, app: App): void {
  command
    .addArgument(completes('profiles', new Argument('<name>', 'the profile to work on')))
    .action((name: string) => use(app, name));
  addExamples(command, ['keys profile use staging']);
}

export async function use(app: App, name: string): Promise<void> {
  await changeConfig(app, ({ config, setCurrent }) => {
    if (name !== localName) requireEntry(config, name);
    setCurrent(name);
  });
  await app.note(`the current profile is now ${name}`);
  const stronger = ['KEYS_URL', 'KEYS_PROFILE'].find((variable) => app.env[variable]);
  if (stronger) await app.note(`note: ${stronger} is set and goes before it`);
}
