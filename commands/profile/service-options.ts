/** Options that say what a profile is, shared by `profile add` and `auth login`. */
import { resolve } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { GlobalOptions } from '../../src/app.ts';
import {
  type AuthScheme,
  authSchemes,
  defaultDriver,
  type ProfileEntry,
  profileFrom,
  serviceUrl,
} from '../../src/config.ts';
import { capabilitiesWith, driverNamed, drivers } from '../../src/drivers/index.ts';
import { driverPath, isOutside } from '../../src/drivers/names.ts';
import { KeysError } from '../../src/errors.ts';
import { collectSetting, completes } from '../options.ts';

export interface ServiceOptions {
  url?: string;
  driver?: string;
  credentialCommand?: boolean;
  authScheme?: AuthScheme;
  caFile?: string;
  clientCert?: string;
  clientKey?: string;
  mapping?: string;
  set?: Record<string, string>;
}

export function addServiceOptions(command: Command): Command {
  const names = drivers.map(({ name }) => name);
  const driver = new Option('--driver <name>', 'what kind of service it is (default: keys)').choices(names);
  driver.argParser((name: string) => {
    if (names.includes(name) || isOutside(name)) return driverPath(name);
    if (/[/\\]|\.[cm]?[jt]s$/.test(name))
      throw new InvalidArgumentError(`'${name}' is no driver; a file is written ./${name}.`);
    throw new InvalidArgumentError(
      `Allowed choices are ${names.join(', ')}, a file or a package: docs/drivers.md.`,
    );
  });
  return command
    .option('--url <url>', 'where the service is')
    .addOption(driver)
    .option('--credential-command', 'the words after -- are a command that prints the credential')
    .addOption(new Option('--auth-scheme <scheme>', 'how the credential is sent').choices(authSchemes))
    .addOption(completes('files', new Option('--ca-file <path>', 'further certificate authorities, PEM')))
    .addOption(completes('files', new Option('--client-cert <path>', 'certificate of this client, PEM')))
    .addOption(completes('files', new Option('--client-key <path>', 'its private key, PEM')))
    .addOption(
      completes(
        'files',
        new Option('--mapping <path>', 'with --driver rest: the file that describes the service'),
      ),
    )
    .option(
      '--set <name=value>',
      'a setting of the driver, see keys help drivers (repeatable)',
      collectSetting,
    );
}

/** What the options say over what is there already. `words` is the credential command. Throws `invalid`. */
export async function entryFrom(
  options: ServiceOptions & { url: string },
  words: readonly string[],
  { namespace, insecureHttp }: Pick<GlobalOptions, 'namespace' | 'insecureHttp'>,
  existing?: ProfileEntry,
): Promise<ProfileEntry> {
  if (words.length > 0 && !options.credentialCommand) {
    throw new KeysError('invalid', `there is no use for '${words[0]}'`, {
      hint: 'a credential command is given as: --credential-command -- op read op://…',
    });
  }
  if (options.credentialCommand && words.length === 0) {
    throw new KeysError('invalid', '--credential-command needs the words of the command', {
      hint: 'put them last, after --: --credential-command -- op read op://…',
    });
  }
  const url = serviceUrl(options.url);
  const path = (file: string | undefined) => (file === undefined ? undefined : resolve(file));
  const mapping = path(options.mapping ?? options.set?.mapping);
  const settings = mapping === undefined ? options.set : { ...options.set, mapping };
  const given: Partial<ProfileEntry> = {
    url,
    driver: options.driver,
    namespace,
    ...(options.credentialCommand && { store: 'command', credentialCommand: [...words] }),
    authScheme: options.authScheme,
    caFile: path(options.caFile),
    clientCertFile: path(options.clientCert),
    clientKeyFile: path(options.clientKey),
    insecureHttp,
    settings: settings && { ...existing?.settings, ...settings },
  };
  if (options.mapping !== undefined && (options.driver ?? existing?.driver) !== 'rest') {
    throw new KeysError('invalid', '--mapping goes with the driver rest', { hint: 'add --driver rest' });
  }
  const set = Object.entries(given).filter(([, value]) => value !== undefined);
  const entry: ProfileEntry = { url, driver: 'keys', ...existing, ...Object.fromEntries(set) };
  const driver = await driverNamed(entry.driver ?? defaultDriver);
  if (driver) await capabilitiesWith(driver, profileFrom('new', entry));
  return entry;
}
