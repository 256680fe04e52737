import { Argument, type Command } from 'commander';
import type { App } from '../../src/app.ts';
import { requireName, urlProblem } from '../../src/config.ts';
import { changeConfig } from '../../src/config-file.ts';
import { KeysError } from '../../src/errors.ts';
import { addServiceOptions, entryFrom, type ServiceOptions } from './service-options.ts';

export function declare(command: Command, app: App): void {
  addServiceOptions(command)
    .addArgument(new Argument('<name>', 'how the profile is called'))
    .argument('[command...]', 'with --credential-command: what prints the credential')
    .action((name: string, words: string[], options: ServiceOptions) => add(app, name, words, options));
}

export async function add(
  app: App,
  name: string,
  words: readonly string[],
  options: ServiceOptions,
): Promise<void> {
  requireName(name);
  const url = options.url ?? (await askUrl(app));
  const entry = entryFrom({ ...options, url }, words, app.options);
  await changeConfig(app, ({ config, setProfile }) => {
    if (Object.hasOwn(config.profiles, name)) {
      throw new KeysError('conflict', `there is a profile '${name}' already`, {
        hint: `change it with keys auth login -p ${name} --url …, or remove it: keys profile remove ${name}`,
      });
    }
    setProfile(name, entry);
  });
  const next = entry.store === 'command' ? `keys profile use ${name}` : `keys auth login -p ${name}`;
  await app.note(`added profile ${name} (${entry.url}); next: ${next}`);
}

/** Throws `invalid`, naming the option, where there is nobody to ask. */
export async function askUrl(app: App): Promise<string> {
  if (!app.prompt.available) {
    throw new KeysError('invalid', 'the URL of the service is missing', {
      hint: 'give it with --url https://keys.example.com',
    });
  }
  return app.prompt.input('URL of the key service:', { check: urlProblem });
}
