/** One encrypted file a credential: scrypt from a passphrase, then AES-256-GCM. */
import { createCipheriv, createDecipheriv, createHash, randomBytes, scrypt } from 'node:crypto';
import { dirname, join } from 'node:path';
import type { App } from '../app.ts';
import { variable } from '../env.ts';
import { KeysError } from '../errors.ts';
import { isMissing, makePrivateDirectory, readSmallFile, removeDurably, writeAtomically } from '../files.ts';
import { reserve } from '../reservation.ts';
import { Secret } from '../secret.ts';
import type { CredentialStore } from './index.ts';

/** What the file says, as JSON; bytes are base64. The account and the cost are authenticated together with the credential. */
interface Envelope {
  readonly version: 1;
  readonly account: string;
  readonly kdf: {
    readonly name: 'scrypt';
    readonly n: number;
    readonly r: number;
    readonly p: number;
    readonly salt: string;
  };
  readonly cipher: 'aes-256-gcm';
  readonly nonce: string;
  readonly data: string;
  readonly tag: string;
}

type Cost = Pick<Envelope['kdf'], 'n' | 'r' | 'p'>;

const cost: Cost = { n: 2 ** 17, r: 8, p: 1 };
/** More than any credential takes. */
const roomBytes = 4_096;
/** What `n` a file may have: not less than ours, and not so much that it makes this process take more than 1 GiB. */
const acceptedN = [17, 18, 19, 20].map((bits) => 2 ** bits);

/** What has been asked for in a run, by account: nobody types a passphrase twice. */
const asked = new WeakMap<App, Map<string, Promise<Secret>>>();

export function fileStore(app: App, passphraseFile?: string): CredentialStore {
  let passphrase: Promise<Secret> | undefined;
  const askOnce = (account: string, isNew: boolean) => {
    const earlier = asked.get(app) ?? new Map<string, Promise<Secret>>();
    passphrase ??= earlier.get(account) ?? askPassphrase(app, isNew, passphraseFile);
    asked.set(app, earlier.set(account, passphrase));
    return passphrase;
  };

  return {
    async read(account) {
      const path = pathFor(app, account);
      const text = await readSmallFile(path).catch((error: unknown) => {
        if (isMissing(error)) return null;
        throw failed(`cannot read ${path}`, error);
      });
      if (text === null) return null;
      const envelope = parseEnvelope(path, text, account);
      return open(path, envelope, await askOnce(account, false));
    },
    async write(account, secret) {
      const path = pathFor(app, account);
      const envelope = await seal(account, secret, await askOnce(account, true));
      try {
        await makePrivateDirectory(dirname(path));
        await writeAtomically(path, `${JSON.stringify(envelope, null, 2)}\n`);
      } catch (error) {
        throw failed(`cannot write ${path}`, error);
      }
      const kept = await this.read(account);
      if (kept?.reveal() !== secret.reveal()) throw failed(`${path} does not give the credential back`);
    },
    async requireRoom(account) {
      const path = pathFor(app, account);
      try {
        const room = await reserve(path, { bytes: roomBytes, mode: 0o600, replace: true });
        await room.release();
      } catch (error) {
        throw failed(`cannot write ${path}`, error);
      }
    },
    async remove(account) {
      const path = pathFor(app, account);
      return removeDurably(path).catch((error: unknown) => {
        throw failed(`cannot remove ${path}`, error);
      });
    },
    async peek(account) {
      const asksNobody = passphraseFile ?? app.env.KEYS_PASSPHRASE_FILE;
      return asksNobody ? this.read(account).catch(() => null) : null;
    },
    async take(account) {
      const secret = await this.peek(account);
      return { removed: await this.remove(account), secret };
    },
  };
}

/** Readable for a person by the profile's name, and distinct also where file names ignore case. */
function pathFor({ paths }: Pick<App, 'paths'>, account: string): string {
  const name = account.slice(0, account.indexOf('@'));
  const digest = createHash('sha256').update(account).digest('hex').slice(0, 16);
  return join(paths.data, 'credentials', `${name}-${digest}.json`);
}

async function seal(account: string, secret: Secret, passphrase: Secret): Promise<Envelope> {
  const kdf = { name: 'scrypt', ...cost, salt: randomBytes(16).toString('base64') } as const;
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', await deriveKey(passphrase, kdf), nonce);
  cipher.setAAD(associated(account, kdf));
  const data = Buffer.concat([cipher.update(secret.reveal(), 'utf8'), cipher.final()]).toString('base64');
  const tag = cipher.getAuthTag().toString('base64');
  return { version: 1, account, kdf, cipher: 'aes-256-gcm', nonce: nonce.toString('base64'), data, tag };
}

async function open(
  path: string,
  { account, kdf, nonce, data, tag }: Envelope,
  passphrase: Secret,
): Promise<Secret> {
  const key = await deriveKey(passphrase, kdf);
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(nonce, 'base64'), {
      authTagLength: 16,
    });
    decipher.setAAD(associated(account, kdf)).setAuthTag(Buffer.from(tag, 'base64'));
    return new Secret(Buffer.concat([decipher.update(data, 'base64'), decipher.final()]).toString('utf8'));
  } catch (error) {
    throw failed(
      `the passphrase is wrong, or ${path} is damaged`,
      error,
      'try again; if it stays so, log in again: keys auth login',
    );
  }
}

function deriveKey(passphrase: Secret, { n, r, p, salt }: Envelope['kdf']): Promise<Buffer> {
  const options = { N: n, r, p, maxmem: 256 * n * r };
  return new Promise((resolve, reject) => {
    scrypt(passphrase.reveal().normalize('NFC'), Buffer.from(salt, 'base64'), 32, options, (error, key) =>
      error ? reject(error) : resolve(key),
    );
  });
}

function associated(account: string, { n, r, p, salt }: Envelope['kdf']): Buffer {
  return Buffer.from(JSON.stringify(['keys credential', 1, account, n, r, p, salt]));
}

function parseEnvelope(path: string, text: string, account: string): Envelope {
  let envelope: Partial<Envelope> | null;
  try {
    envelope = JSON.parse(text) as Partial<Envelope> | null;
  } catch (error) {
    throw damaged(path, 'it is not JSON', error);
  }
  const version: unknown = envelope?.version;
  if (typeof version === 'number' && version > 1) {
    throw failed(`${path} was written by a newer keys (its format is ${version})`, undefined, 'update keys');
  }
  if (version !== 1 || !isEnvelope(envelope)) throw damaged(path, 'parts of it are missing');
  if (envelope.account !== account) throw damaged(path, `it belongs to ${envelope.account}`);
  return envelope;
}

function isEnvelope(value: Partial<Envelope> | null): value is Envelope {
  const { account, kdf, cipher, nonce, data, tag } = value ?? {};
  if (typeof account !== 'string' || cipher !== 'aes-256-gcm' || kdf?.name !== 'scrypt') return false;
  return (
    acceptedN.includes(kdf.n) &&
    kdf.r === cost.r &&
    kdf.p === cost.p &&
    [kdf.salt, nonce, data, tag].every((bytes) => typeof bytes === 'string')
  );
}

/** From the file given, from `KEYS_PASSPHRASE_FILE`, or from a person, who types a new one twice. */
async function askPassphrase(app: App, isNew: boolean, given?: string): Promise<Secret> {
  const file = given ?? variable(app.env, 'KEYS_PASSPHRASE_FILE');
  if (file !== undefined) {
    const text = await readSmallFile(file, app).catch((error: Error) => {
      app.signal.throwIfAborted();
      throw new KeysError('invalid', `cannot read the passphrase file ${file}: ${error.message}`, {
        cause: error,
      });
    });
    return app.redactor.know(
      requirePassphrase(new Secret(text.replace(/\r?\n$/, '')), `the passphrase file ${file}`),
    );
  }
  if (!app.prompt.available) {
    throw new KeysError(
      'invalid',
      'the credential file needs its passphrase, and there is no terminal to ask on',
      {
        hint: 'name a file that holds it in KEYS_PASSPHRASE_FILE',
      },
    );
  }
  const question = isNew ? 'New passphrase for the credential file:' : 'Passphrase of the credential file:';
  const passphrase = requirePassphrase(await app.prompt.password(question), 'the passphrase');
  if (isNew && (await app.prompt.password('The same again:')).reveal() !== passphrase.reveal()) {
    throw new KeysError('invalid', 'the two passphrases differ; nothing has been kept');
  }
  return app.redactor.know(passphrase);
}

function requirePassphrase(passphrase: Secret, source: string): Secret {
  if (passphrase.reveal() === '') throw new KeysError('invalid', `${source} is empty`);
  return passphrase;
}

function damaged(path: string, why: string, cause?: unknown): KeysError {
  return failed(`${path} is damaged: ${why}`, cause, 'log in again: keys auth login');
}

function failed(what: string, cause?: unknown, hint?: string): KeysError {
  const reason = hint === undefined && cause instanceof Error ? `: ${cause.message}` : '';
  return new KeysError('credential_store', what + reason, { cause, hint });
}
