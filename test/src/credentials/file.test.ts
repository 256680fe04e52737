import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeEach, expect, test } from 'vitest';
import { createApp } from '../../../src/app.ts';
import { type CredentialStore, openStore } from '../../../src/credentials/index.ts';
import { KeysError } from '../../../src/errors.ts';
import { Secret } from '../../../src/secret.ts';
import { scriptedPrompt } from '../../fakes/prompt.ts';
import { collectingSink, type Home, newHome } from '../../run.ts';

const account = 'prod@https://keys.example.com';
const secret = 'keys_theSecret';
let home: Home;

beforeEach(() => {
  home = newHome();
});

function open(passphrase: string, at: Home = home): Promise<CredentialStore> {
  const path = join(at.path, 'passphrase');
  writeFileSync(path, `${passphrase}\n`);
  const io = {
    stdin: { isTerminal: false, readAll: async () => '' },
    stdout: collectingSink(),
    stderr: collectingSink(),
    columns: 80,
  };
  const { signal } = new AbortController();
  const app = createApp({ io, env: at.env, signal, prompt: scriptedPrompt(undefined) });
  return openStore(app, 'file', { passphraseFile: path });
}

function credentialFile(): string {
  const directory = join(home.path, 'data', 'credentials');
  const [name = ''] = readdirSync(directory);
  return join(directory, name);
}

/** Keeps the secret, and returns the file's text. */
async function sealed(): Promise<string> {
  await (await open('right')).write(account, new Secret(secret));
  return readFileSync(credentialFile(), 'utf8');
}

/** What reading gives after the file was changed: the secret, or the error's message. */
async function readChanged(change: (envelope: string) => string): Promise<string> {
  const envelope = await sealed();
  writeFileSync(credentialFile(), change(envelope));
  return readNow('right');
}

async function readNow(passphrase: string): Promise<string> {
  try {
    return (await (await open(passphrase)).read(account))?.reveal() ?? 'nothing';
  } catch (error) {
    if (!(error instanceof KeysError)) throw error;
    expect(error.code).toBe('credential_store');
    return error.message;
  }
}

test('what is written is read back, is not in the file, and is gone once removed', async () => {
  const store = await open('right');
  expect(await store.read(account)).toBeNull();
  await store.write(account, new Secret(secret));
  expect((await store.read(account))?.reveal()).toBe(secret);
  expect(readFileSync(credentialFile(), 'latin1')).not.toContain(secret);
  expect(await store.read('other@https://keys.example.com')).toBeNull();
  expect(await store.remove(account)).toBe(true);
  expect(await store.remove(account)).toBe(false);
});

test('the format is versioned, and scrypt costs at least 2^17 with r = 8', async () => {
  expect(JSON.parse(await sealed())).toMatchObject({
    version: 1,
    account,
    kdf: { name: 'scrypt', n: 2 ** 17, r: 8, p: 1 },
    cipher: 'aes-256-gcm',
  });
});

test('the same credential written again has another salt and another nonce', async () => {
  const [{ kdf, nonce }, again] = [JSON.parse(await sealed()), JSON.parse(await sealed())];
  expect([kdf.salt, nonce]).not.toContain(again.kdf.salt);
  expect([kdf.salt, nonce]).not.toContain(again.nonce);
});

test('a passphrase with an accent typed as a character of its own is the same', async () => {
  await (await open('cafe\u0301')).write(account, new Secret(secret));
  expect(await readNow('caf\u00e9')).toBe(secret);
});

test('a wrong passphrase is told, with the other reason it may be', async () => {
  await sealed();
  expect(await readNow('wrong')).toMatch(/^the passphrase is wrong, or .*prod-[0-9a-f]+\.json is damaged$/);
  expect(await readNow('right')).toBe(secret);
});

test.each([
  ['', 'it is not JSON'],
  ['null', 'parts of it are missing'],
  ['{"version":1}', 'parts of it are missing'],
  ['{"version":2}', 'written by a newer keys'],
])('the file %j is told to be damaged or too new', async (text, why) => {
  expect(await readChanged(() => text)).toContain(why);
});

test("a file put in another account's place is not opened", async () => {
  const stolen = (envelope: string) => envelope.replace('prod@', 'test@');
  expect(await readChanged(stolen)).toContain('belongs to test@https://keys.example.com');
  await (await open('right')).remove(account);
  await (await open('right')).write(account.replace('prod', 'test'), new Secret('keys_ofTheTest'));
  const renamed = readFileSync(credentialFile(), 'utf8').replace('test@', 'prod@');
  expect(await readChanged(() => renamed)).toContain('is damaged');
});

test('what is no file in its place is told, and not taken for a credential that has gone', async () => {
  await sealed();
  const path = credentialFile();
  rmSync(path);
  mkdirSync(path);
  expect(await readNow('right')).toContain(`cannot read ${path}`);
});

test('a file whose scrypt is weak, costly or no number, or whose bytes are cut or no text, is told to be damaged', async () => {
  const envelope = await sealed();
  const { tag } = JSON.parse(envelope);
  const [cost, sealing] = ['parts of it are missing', 'the passphrase is wrong, or'];
  const changes: [name: string, value: string, why: string][] = [
    ['n', '1024', cost],
    ['n', '131073', cost],
    ['n', '2097152', cost],
    ['n', '"131072"', cost],
    ['n', '[131072]', cost],
    ['r', '16', cost],
    ['p', '2', cost],
    ['salt', '5', cost],
    ['nonce', '""', sealing],
    ['tag', `"${tag.slice(0, 6)}"`, sealing],
  ];
  for (const [name, value, why] of changes) {
    const changed = envelope.replace(new RegExp(`("${name}": )(\\d+|".*?")`), `$1${value}`);
    expect(changed).not.toBe(envelope);
    writeFileSync(credentialFile(), changed);
    expect(await readNow('right'), `${name}: ${value}`).toContain(why);
  }
});

test('a file with one byte changed gives the right secret or an error, never another secret', async () => {
  const envelope = await sealed();
  const path = credentialFile();
  await fc.assert(
    fc.asyncProperty(fc.nat(envelope.length - 1), fc.integer({ min: 32, max: 126 }), async (at, code) => {
      writeFileSync(path, envelope.slice(0, at) + String.fromCharCode(code) + envelope.slice(at + 1));
      expect(await readNow('right')).toMatch(new RegExp(`^${secret}$|damaged|newer keys`));
    }),
    { numRuns: 25 },
  );
});

test('a file cut at every byte is told to be damaged', async () => {
  const envelope = await sealed();
  const path = credentialFile();
  for (let length = 0; length < envelope.trimEnd().length; length += 1) {
    writeFileSync(path, envelope.slice(0, length));
    expect(await readNow('right')).toContain('damaged');
  }
});
