import type { Command } from 'commander';
import type { App } from '../../src/app.ts';
import type { Profile } from '../../src/config.ts';
import { type CredentialSource, findCredential } from '../../src/credentials/index.ts';
import { KeysError } from '../../src/errors.ts';
import type { Identity } from '../../src/keys.ts';
import { noCredential, openFound } from '../../src/open.ts';
import { addExamples } from '../options.ts';
import { identify, identityText } from './identity.ts';

/** A public contract: fields are added, never renamed. */
interface Status {
  readonly profile: string;
  readonly url: string;
  readonly driver: string;
  readonly store: string;
  readonly source: CredentialSource;
  readonly authenticated: boolean;
  readonly identity: Identity | null;
}

export function declare(command: Command, app: App): void {
  command.action(() => status(app));
  addExamples(command, ['keys auth status', 'keys auth status --query identity.name']);
}

export async function status(app: App): Promise<void> {
  const profile = await app.profile();
  if (profile.driver === 'local') return print(app, profile, 'none', true, null);
  const found = await findCredential(app, profile);
  if (!found) {
    await print(app, profile, 'none', false, null);
    throw noCredential(profile);
  }
  const service = await openFound(app, profile, found);
  try {
    await print(app, profile, found.source, true, await identify(service));
  } catch (error) {
    if (error instanceof KeysError && error.exitCode === 4)
      await print(app, profile, found.source, false, null);
    throw error;
  } finally {
    await service.close();
  }
}

function print(
  app: App,
  { name, url, driver, store }: Profile,
  source: CredentialSource,
  authenticated: boolean,
  identity: Identity | null,
): Promise<void> {
  const json: Status = { profile: name, url, driver, store, source, authenticated, identity };
  return app.printer.value(json, () => statusText(json));
}

function statusText({ profile, url, driver, source, authenticated, identity }: Status): string {
  const credential = driver === 'local' ? 'none needed' : source === 'none' ? 'none' : `from ${source}`;
  const who = identity ? `yes, as ${identityText(identity)}` : 'yes';
  return [
    `profile:        ${profile} (${url})`,
    `credential:     ${credential}`,
    `authenticated:  ${authenticated ? who : 'no'}`,
    '',
  ].join('\n');
}
