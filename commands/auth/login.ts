import { type Command, Option } from 'commander';
import type { App } from '../../src/app.ts';
import { keepsCredentials, type Profile, profileFrom, type StoreName, storeNames } from '../../src/config.ts';
import { changeConfig, checkConfig } from '../../src/config-file.ts';
import { parseCredential } from '../../src/credentials/credential.ts';
import {
  accountOf,
  type CredentialStore,
  environmentCredential,
  openStore,
} from '../../src/credentials/index.ts';
import { KeysError } from '../../src/errors.ts';
import type { Identity } from '../../src/keys.ts';
import { alone, loginTo, openWith, passwordLoginTo, renewalOf } from '../../src/open.ts';
import type { Secret } from '../../src/secret.ts';
import { addExamples, completes } from '../options.ts';
import { askPassword, passwordIn } from '../password.ts';
import { addServiceOptions } from '../profile/service-options.ts';
import { endSession } from '../session-end.ts';
import { identify, identityText } from './identity.ts';
import { type LoginOptions, type LoginTarget, loginTarget } from './login-target.ts';

interface Options extends LoginOptions {
  withToken?: boolean;
  user?: string;
  passwordFile?: string;
  passphraseFile?: string;
}

export function declare(command: Command, app: App): void {
  const store = new Option('--store <name>', 'where the credential is kept (default: keychain)');
  const passphrase = new Option('--passphrase-file <path>', 'for --store file: what it is encrypted with');
  addServiceOptions(command)
    .addOption(store.choices(storeNames))
    .option('--with-token', 'read the credential from standard input')
    .addOption(
      new Option('--user <name>', 'log in with the password of a user').conflicts([
        'withToken',
        'credentialCommand',
      ]),
    )
    .addOption(
      completes('files', new Option('--password-file <path>', 'it is in a file; - is standard input')),
    )
    .addOption(completes('files', passphrase))
    .argument('[command...]', 'with --credential-command: what prints the credential')
    .action((words: string[], options: Options) => login(app, words, options));
  addExamples(command, [
    'keys auth login -p work --url https://keys.example.com',
    'keys auth login -p work --with-token < token',
    'keys auth login -p work --user alice',
    'keys auth login -p work --credential-command -- op read op://Work/keys/credential',
  ]);
}

export async function login(app: App, words: readonly string[], options: Options): Promise<void> {
  const target = await loginTarget(app, words, options);
  requireKept(target.entry.store, options);
  await checkConfig(app, ({ setProfile }) => setProfile(target.name, target.entry));
  const profile = profileFrom(target.name, target.entry);
  const store = await openStore(app, profile.store, { ...profile, passphraseFile: options.passphraseFile });
  const account = accountOf(profile);
  // A keychain that is not there is told before somebody looks for the credential and types it.
  const before = await (profile.store === 'keychain' ? store.read(account) : store.peek(account));
  const obtained = await obtain(app, profile, store, options);
  const { identity, secret } = await check(app, profile, obtained);
  const keep = () => store.write(account, secret);
  // A command that is just renewing the login before this one would put that back.
  await (target.former && !target.moved ? alone(app, keep) : keep());
  const currentBefore = await keepProfile(app, target, () => store.remove(account));
  await app.note(greeting(profile, identity, currentBefore));
  const former = target.moved ? await takeFormer(app, target) : before;
  if (former && former.reveal() !== secret.reveal()) await endFormer(app, target, former);
}

/** A session is renewed while it is used: it has to be kept somewhere. */
function requireKept(store: StoreName, { user, passwordFile, withToken }: Options): void {
  if (withToken && store === 'command') {
    throw new KeysError(
      'invalid',
      'the credential of this profile comes from its command, not from --with-token',
      {
        hint: 'leave out --with-token, or add --store keychain or --store file',
      },
    );
  }
  if (user === undefined && passwordFile !== undefined) {
    throw new KeysError('invalid', '--password-file takes --user', {
      hint: 'keys auth login --user <name> --password-file <path>',
    });
  }
  if (user === undefined || keepsCredentials(store)) return;
  throw new KeysError('invalid', `a login with a password cannot be kept in the store ${store}`, {
    hint: 'add --store keychain or --store file',
  });
}

/** The credential, from wherever this login takes it. */
async function obtain(
  app: App,
  profile: Profile,
  store: CredentialStore,
  { withToken, user, passwordFile }: Options,
): Promise<Secret> {
  if (user !== undefined) {
    const password =
      passwordFile === undefined ? askPassword(app, 'Password:') : passwordIn(app, passwordFile);
    return passwordLoginTo(app, profile, user, await password);
  }
  if (withToken) {
    return app.redactor.know(
      parseCredential(await app.io.stdin.readAll(65_536), 'what came on standard input'),
    );
  }
  if (profile.store === 'command') {
    const printed = await store.read('');
    if (printed) return app.redactor.know(printed);
  }
  const given = await environmentCredential(app);
  if (given) {
    await app.note(`taking the credential from ${given.source}`);
    return given.secret;
  }
  if (!app.prompt.available) {
    throw new KeysError('invalid', 'the credential is missing, and there is no terminal to ask on', {
      hint: 'pipe it in: keys auth login --with-token < file, or set KEYS_TOKEN_FILE',
    });
  }
  const askForLogin = await loginTo(app, profile);
  if (askForLogin) return askForLogin();
  const typed = await app.prompt.password(`Credential for ${profile.url}:`);
  return app.redactor.know(parseCredential(typed.reveal(), 'the credential'));
}

/** Who that is, and the credential to keep: a service may put another one in its place as soon as it is used. */
async function check(
  app: App,
  profile: Profile,
  obtained: Secret,
): Promise<{ identity: Identity | null; secret: Secret }> {
  let secret = obtained;
  const renewal = renewalOf(profile, obtained, async (renewed) => {
    secret = renewed;
  });
  const service = await openWith(app, profile, obtained, renewal);
  try {
    const identity = await identify(service);
    return { identity, secret };
  } catch (error) {
    if (!(error instanceof KeysError && error.code === 'unauthenticated')) throw error;
    throw new KeysError('unauthenticated', `${profile.url} does not take this credential: ${error.message}`, {
      hint: 'nothing has been kept; check that it is whole and belongs to this service',
      requestId: error.requestId,
      cause: error,
    });
  } finally {
    await service.close();
  }
}

/** Writes the profile, current where none was; the one that was. A credential that no profile points to does not stay. */
async function keepProfile(
  app: App,
  target: LoginTarget,
  undo: () => Promise<unknown>,
): Promise<string | undefined> {
  let before: string | undefined;
  try {
    await changeConfig(app, ({ config, setProfile, setCurrent }) => {
      setProfile(target.name, target.entry);
      before = config.current;
      if (before === undefined) setCurrent(target.name);
    });
  } catch (error) {
    if (target.moved) await undo();
    throw error;
  }
  return before;
}

/** The credential that this login has replaced does not stay behind in another store, or under another origin. */
async function takeFormer(app: App, { former }: LoginTarget): Promise<Secret | null> {
  if (!former) return null;
  try {
    return (await (await openStore(app, former.store)).take(accountOf(former))).secret;
  } catch (error) {
    if (!(error instanceof KeysError)) throw error;
    await app.note(
      `warning: the former credential of ${former.name} is still in the ${former.store} store: ${error.message}`,
    );
    return null;
  }
}

/** Nobody could end the session that was replaced any more. */
async function endFormer(app: App, { former }: LoginTarget, credential: Secret): Promise<void> {
  const ended = former && (await endSession(app, former, credential));
  if (ended) await app.note(`the former login of ${former.name}: ${ended}`);
}

function greeting(profile: Profile, identity: Identity | null, currentBefore: string | undefined): string {
  const { name } = profile;
  const kept: Record<Profile['store'], string> = {
    keychain: 'its credential is in the keychain',
    file: 'its credential is in an encrypted file',
    command: 'its credential comes from its command',
    none: 'its credential is not kept: give it in KEYS_TOKEN_FILE or KEYS_TOKEN',
  };
  const who = identity ? ` as ${identityText(identity)}` : '';
  return [
    `logged in to ${profile.url}${who}`,
    `profile ${name}: ${kept[profile.store]}`,
    howToUse(name, currentBefore),
  ].join('\n');
}

function howToUse(name: string, currentBefore: string | undefined): string {
  if (currentBefore === undefined) return `${name} is now the current profile`;
  if (currentBefore === name) return `${name} is the current profile`;
  return `use it with -p ${name}`;
}
