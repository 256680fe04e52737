/** The operating system's keychain. */
import { fileURLToPath } from 'node:url';
import type { App } from '../app.ts';
import { KeysError } from '../errors.ts';
import { Secret } from '../secret.ts';
import { runChild } from './child.ts';
import type { CredentialStore } from './index.ts';
import type { KeychainAnswer, KeychainRequest } from './keychain-worker.ts';

/** Longer values do not fit into a Windows credential, in UTF-16 characters. */
const longest = 1_279;
const deadlineMs = 3_000;

const worker = fileURLToPath(
  new URL(`./keychain-worker.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url),
);

/**
 * A keychain that hangs blocks the whole thread that asks it, and even a worker thread keeps the process from ending.
 * So each question goes to a child process, which is killed when it has not answered in 3 seconds.
 */
export function keychainStore(app: Pick<App, 'env' | 'signal'>): CredentialStore {
  const ask = (request: KeychainRequest) => askWorker(request, app);
  return {
    async read(account) {
      const { secret } = await ask({ verb: 'read', account });
      return secret === undefined || secret === null ? null : new Secret(secret);
    },
    async write(account, secret) {
      const text = secret.reveal();
      if (text.length > longest) {
        throw new KeysError(
          'too_large',
          `the credential has ${text.length} characters; the keychain takes ${longest}`,
          {
            hint: 'keep it elsewhere: keys auth login --store file',
          },
        );
      }
      await ask({ verb: 'write', account, secret: text });
    },
    async remove(account) {
      return (await ask({ verb: 'remove', account })).removed ?? false;
    },
  };
}

async function askWorker(
  request: KeychainRequest,
  { env, signal }: Pick<App, 'env' | 'signal'>,
): Promise<KeychainAnswer> {
  const input = JSON.stringify(request);
  const { stdout, failure } = await runChild([process.execPath, worker], { env, signal, deadlineMs, input });
  if (failure !== null) throw unavailable(`the process that asks it ${failure}`);
  const answer = JSON.parse(stdout) as KeychainAnswer;
  if (answer.error !== undefined) throw unavailable(answer.error);
  return answer;
}

function unavailable(why: string): KeysError {
  const hints: Partial<Record<NodeJS.Platform, string>> = {
    linux: 'start and unlock the keyring (gnome-keyring, KWallet, KeePassXC)',
    darwin: 'unlock the keychain',
  };
  const first = hints[process.platform] ?? 'make the credential manager available';
  return new KeysError('credential_store', `the keychain is unavailable: ${why}`, {
    hint: `${first}, or keep the credential elsewhere: keys auth login --store file`,
  });
}
