/** Where the administrator's credential for a profile is. */
import type { App } from '../app.ts';
import { keepsCredentials, type Profile, type StoreName } from '../config.ts';
import { variable } from '../env.ts';
import { KeysError } from '../errors.ts';
import { readSmallFile } from '../files.ts';
import type { Taken } from '../keychain.ts';
import type { Secret } from '../secret.ts';
import { credentialProblem, parseCredential } from './credential.ts';

/** Keeps credentials by account. Every method throws `credential_store` when the store cannot be asked. */
export interface CredentialStore {
  /** `null` when nothing is kept for the account. */
  read(account: string): Promise<Secret | null>;
  /** The same, but `null` where somebody would have to be asked for it, and where the store cannot be. */
  peek(account: string): Promise<Secret | null>;
  /** When it returns, the credential has been read back. Throws `too_large` for one the store cannot hold. */
  write(account: string, secret: Secret): Promise<void>;
  /** Throws when a credential could not be written just now, for want of room or rights. */
  requireRoom?(account: string): Promise<void>;
  /** True when there was something to remove. */
  remove(account: string): Promise<boolean>;
  /** Removes it, and gives what it was where that can be had without asking anybody. */
  take(account: string): Promise<Taken>;
}

/** Where a credential came from: a variable, or the store of the profile; `none` for none at all. */
export type CredentialSource = 'KEYS_TOKEN_FILE' | 'KEYS_TOKEN' | StoreName;

export interface FoundCredential {
  readonly secret: Secret;
  readonly source: CredentialSource;
  readonly store: StoreName;
}

/**
 * The credential in force: `KEYS_TOKEN_FILE`, `KEYS_TOKEN`, then what the profile says; `null` when nobody has logged in.
 * Throws `invalid` for an unusable variable, and `credential_store` when the store cannot be asked or has lost its entry.
 */
export async function findCredential(app: App, profile: Profile): Promise<FoundCredential | null> {
  const given = await environmentCredential(app);
  if (given) return { ...given, store: profile.store };
  if (profile.store === 'none') return null;
  const store = await openStore(app, profile.store, profile);
  const account = accountOf(profile);
  const secret = await store.read(account);
  const wrong = secret ? credentialProblem(secret.reveal()) : 'is not there any more';
  if (!secret || wrong) {
    throw new KeysError(
      'credential_store',
      `the credential for ${account} in the ${profile.store} store ${wrong}`,
      {
        hint: `log in again: keys auth login -p ${profile.name}`,
      },
    );
  }
  return { secret: app.redactor.know(secret), source: profile.store, store: profile.store };
}

/** Before the service is asked for a credential in the place of this one, which it then ends. Throws `credential_store`. */
export async function requireReplaceable(
  app: App,
  profile: Profile,
  source: CredentialSource,
): Promise<void> {
  if (!keepsCredentials(source)) return;
  const store = await openStore(app, source, profile);
  await store.requireRoom?.(accountOf(profile));
}

/** Keeps what the service has put in a credential's place where that one was, or says that nobody could. */
export async function replaceCredential(
  app: App,
  profile: Profile,
  source: CredentialSource,
  secret: Secret,
): Promise<void> {
  if (keepsCredentials(source)) {
    // The one before it is not taken again: an interruption comes after this.
    const store = await openStore(app, source, { ...profile, signal: new AbortController().signal });
    return store.write(accountOf(profile), secret);
  }
  await app.note(
    `warning: the service has replaced the credential from ${source}, which will not be taken again: ${profile.origin === 'environment' ? 'put another one there' : `keys auth login -p ${profile.name}`}`,
  );
}

/** The credential that the environment gives, or null. Throws `invalid` for one that is empty or not a single line. */
export async function environmentCredential(
  app: Pick<App, 'env' | 'redactor' | 'signal'>,
): Promise<{ secret: Secret; source: 'KEYS_TOKEN_FILE' | 'KEYS_TOKEN' } | null> {
  const path = variable(app.env, 'KEYS_TOKEN_FILE');
  if (path !== undefined) {
    const text = await readSmallFile(path, app).catch((error: Error) => {
      app.signal.throwIfAborted();
      throw new KeysError('invalid', `KEYS_TOKEN_FILE: cannot read ${path}: ${error.message}`, {
        cause: error,
      });
    });
    return {
      secret: app.redactor.know(parseCredential(text, `KEYS_TOKEN_FILE (${path})`)),
      source: 'KEYS_TOKEN_FILE',
    };
  }
  const text = variable(app.env, 'KEYS_TOKEN');
  if (text === undefined) return null;
  return { secret: app.redactor.know(parseCredential(text, 'KEYS_TOKEN')), source: 'KEYS_TOKEN' };
}

export interface StoreOptions {
  readonly credentialCommand?: readonly string[];
  /** A file with the passphrase of the store `file`; else `KEYS_PASSPHRASE_FILE`, else a prompt. */
  readonly passphraseFile?: string;
  /** What ends a question to the keychain early, in place of the run's own signal. */
  readonly signal?: AbortSignal;
}

/** A store, without asking it anything yet. */
export async function openStore(
  app: App,
  name: StoreName,
  options: StoreOptions = {},
): Promise<CredentialStore> {
  switch (name) {
    case 'keychain': {
      const keychain = (await import('../keychain.ts')).openKeychain({
        env: app.env,
        signal: options.signal ?? app.signal,
        service: 'keys',
        elsewhere: 'keep the credential elsewhere: keys auth login --store file',
      });
      return { ...keychain, peek: (account) => keychain.read(account).catch(() => null) };
    }
    case 'file':
      return (await import('./file.ts')).fileStore(app, options.passphraseFile);
    case 'command':
      return {
        ...keepsNothing,
        read: async () => (await import('./command.ts')).askCommand(app, options.credentialCommand ?? []),
      };
    case 'none':
      return { ...keepsNothing, read: async () => null };
  }
}

/** Of a store that has its credentials from elsewhere, if any. */
const keepsNothing: Omit<CredentialStore, 'read'> = {
  peek: async () => null,
  write: async () => {},
  remove: async () => false,
  take: async () => ({ removed: false, secret: null }),
};

/** Under which name a profile's credential is kept: another profile or another service never finds it. */
export function accountOf(profile: Pick<Profile, 'name' | 'url'>): string {
  return `${profile.name}@${new URL(profile.url).origin}`;
}
