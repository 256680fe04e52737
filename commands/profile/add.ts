import { resolve } from 'node:path';
import { Argument, type Command } from 'commander';
import type { App } from '../../src/app.ts';
import { type Profile, profileFrom, requireName, urlProblem } from '../../src/config.ts';
import { changeConfig } from '../../src/config-file.ts';
import { KeysError, toKeysError } from '../../src/errors.ts';
import { discover } from '../../src/open.ts';
import { entryNamed } from '../../src/resolve-profile.ts';
import { shellWord } from '../../src/text.ts';
import { addExamples } from '../options.ts';
import { addServiceOptions, entryFrom, type ServiceOptions } from './service-options.ts';

export function declare(command: Command, app: App): void {
  addServiceOptions(command)
    .addArgument(new Argument('<name>', 'how the profile is called'))
    .argument('[command...]', 'with --credential-command: what prints the credential')
    .action((name: string, words: string[], options: ServiceOptions) => add(app, name, words, options));
  addExamples(command, ['keys profile add staging --url https://keys.staging.example.com']);
}

export async function add(
  app: App,
  name: string,
  words: readonly string[],
  options: ServiceOptions,
): Promise<void> {
  requireName(name);
  const url = options.url ?? (await urlInMapping(options)) ?? (await askUrl(app));
  const entry = await entryFrom({ ...options, url }, words, app.options);
  await changeConfig(app, ({ config, setProfile }) => {
    if (entryNamed(config, name)) {
      throw new KeysError('conflict', `there is a profile '${name}' already`, {
        hint: `change it with keys auth login -p ${name} --url …, or remove it: keys profile remove ${name}`,
      });
    }
    setProfile(name, entry);
  });
  const next = entry.store === 'command' ? `keys profile use ${name}` : `keys auth login -p ${name}`;
  await app.note(`added profile ${name} (${entry.url}); next: ${next}`);
  await tellDiscovery(app, profileFrom(name, entry));
}

/** The profile is there whatever comes of this. */
async function tellDiscovery(app: App, profile: Profile): Promise<void> {
  try {
    const discovery = await discover(app, profile);
    if (!discovery) return;
    for (const sentence of discovery.found) await app.note(sentence);
    const settings = Object.entries(discovery.settings).filter(
      ([name, value]) => profile.settings?.[name] !== value,
    );
    if (settings.length === 0) return;
    const words = settings.map(([name, value]) => `--set ${shellWord(`${name}=${value}`)}`).join(' ');
    await app.note(`if that is what it looks like, turn it on: keys auth login -p ${profile.name} ${words}`);
  } catch (error) {
    const { message } = toKeysError(error);
    await app.note(`what this installation can do beyond the usual could not be read: ${message}`);
  }
}

/** Of a service that is in one place for everybody, the mapping file says where. */
async function urlInMapping({ mapping }: ServiceOptions): Promise<string | undefined> {
  if (mapping === undefined) return undefined;
  const { loadMapping } = await import('../../src/drivers/rest/load.ts');
  return (await loadMapping(resolve(mapping))).url;
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
