/** The options of `keys serve` and its verbs, from the one table of settings. */
import { type Command, Option } from 'commander';
import type { App } from '../../src/app.ts';
import {
  type Configuration,
  optionOf,
  type SettingName,
  settingNames,
  settingOf,
  settingValue,
} from '../../src/service/configuration.ts';
import { configurationFrom } from '../../src/service/configuration-sources.ts';
import { refusePassword } from '../../src/service/open-store.ts';
import { completes, parsed } from '../options.ts';

export type SettingOptions = Partial<Configuration> & { readonly config?: string };

/** The command line says `--insecure-http` for all commands. */
const elsewhere: readonly SettingName[] = ['insecureHttp'];

export function addSettings(command: Command, names: readonly SettingName[] = settingNames): void {
  command.addOption(completes('files', new Option('--config <file>', 'read settings from a YAML file')));
  for (const name of names) {
    const flag = elsewhere.includes(name) ? null : optionOf(name);
    if (flag !== null) command.addOption(optionFor(name, flag));
  }
}

function optionFor(name: SettingName, flag: string): Option {
  const { summary, value, kind, default: given } = settingOf(name);
  const text = given ? `${summary} (default: ${given})` : summary;
  const option = new Option(`${flag} ${value}`, text).argParser(
    parsed((words) => settingValue(name, name === 'database' ? refusePassword(words) : words)),
  );
  return kind === 'path' ? completes('files', option) : option;
}

export function configurationOf(app: App, options: SettingOptions): Promise<Configuration> {
  const { config: file, ...given } = options;
  const insecureHttp = app.options.insecureHttp;
  return configurationFrom({ options: { ...given, insecureHttp }, env: app.env, file });
}
