/** The operating system's keychain: secrets by service and account. */
import { fileURLToPath } from 'node:url';
import type { App } from './app.ts';
import { runChild } from './child.ts';
import { KeysError } from './errors.ts';
import type { KeychainAnswer, KeychainRequest } from './keychain-worker.ts';
import { Secret } from './secret.ts';

export interface Keychain {
  /** `null` when there is no such entry. */
  read(account: string): Promise<Secret | null>;
  /** When it returns, the secret has been read back. Throws `too_large` for one that does not fit. */
  write(account: string, secret: Secret): Promise<void>;
  /** True when there was something to remove. */
  remove(account: string): Promise<boolean>;
  /** Removes it in one question, and gives what it was. */
  take(account: string): Promise<Taken>;
}

export interface Taken {
  readonly removed: boolean;
  /** `null` also where it could not be had on the way. */
  readonly secret: Secret | null;
}

export interface KeychainOptions extends Pick<App, 'env' | 'signal'> {
  /** What all entries belong to. */
  readonly service: string;
  /** Where else the secret could go, as the end of a hint: `use --to file:PATH`. */
  readonly elsewhere: string;
}

/** Longer values do not fit into a Windows credential, in UTF-16 characters. */
const longest = 1_279;
/** The whole command answers within 3.5 seconds, on a busy machine too. */
const deadlineMs = 2_500;

const worker = fileURLToPath(
  new URL(`./keychain-worker.${import.meta.url.endsWith('.ts') ? 'ts' : 'cjs'}`, import.meta.url),
);

/**
 * A keychain that hangs blocks the whole thread that asks it, and even a worker thread keeps the process from ending.
 * So each question goes to a child process, which is killed when it has not answered in time. Every method throws
 * `credential_store` when the keychain cannot be asked.
 */
export function openKeychain(options: KeychainOptions): Keychain {
  const { service, elsewhere } = options;

  async function ask(request: Omit<KeychainRequest, 'service'>): Promise<KeychainAnswer> {
    const { env, signal } = options;
    const input = JSON.stringify({ service, ...request });
    const { stdout, failure } = await runChild([process.execPath, worker], {
      env,
      signal,
      deadlineMs,
      input,
    });
    if (failure !== null) throw unavailable(`the process that asks it ${failure}`);
    const answer = answerIn(stdout);
    if (!answer) throw unavailable('the process that asks it printed what is no answer');
    if (answer.error !== undefined) throw unavailable(answer.error);
    return answer;
  }

  /** `null` where something else in that process has printed, too. The parser's own words would quote it. */
  function answerIn(text: string): KeychainAnswer | null {
    try {
      return JSON.parse(text) as KeychainAnswer;
    } catch {
      return null;
    }
  }

  function unavailable(why: string): KeysError {
    const hints: Partial<Record<NodeJS.Platform, string>> = {
      linux: 'start and unlock the keyring (gnome-keyring, KWallet, KeePassXC)',
      darwin: 'unlock the keychain',
    };
    const first = hints[process.platform] ?? 'make the credential manager available';
    return new KeysError('credential_store', `the keychain is unavailable: ${why}`, {
      hint: `${first}, or ${elsewhere}`,
    });
  }

  const secretIn = ({ secret = null }: KeychainAnswer) => (secret === null ? null : new Secret(secret));

  return {
    read: async (account) => secretIn(await ask({ verb: 'read', account })),
    async write(account, secret) {
      const text = secret.reveal();
      if (text.length > longest) {
        throw new KeysError('too_large', `it has ${text.length} characters; the keychain takes ${longest}`, {
          hint: elsewhere,
        });
      }
      await ask({ verb: 'write', account, secret: text });
    },
    async remove(account) {
      return (await ask({ verb: 'remove', account })).removed ?? false;
    },
    async take(account) {
      const answer = await ask({ verb: 'take', account });
      return { removed: answer.removed ?? false, secret: secretIn(answer) };
    },
  };
}
