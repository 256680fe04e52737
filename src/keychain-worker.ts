/** A process of its own that asks the keychain one question: a line of JSON on stdin, a line of JSON on stdout. */
import { readFileSync, writeSync } from 'node:fs';

export interface KeychainRequest {
  readonly verb: 'read' | 'write' | 'remove' | 'take';
  readonly service: string;
  readonly account: string;
  readonly secret?: string;
}

export interface KeychainAnswer {
  readonly secret?: string | null;
  readonly removed?: boolean;
  /** Why it failed, for a person. */
  readonly error?: string;
}

async function answer({ verb, service, account, secret = '' }: KeychainRequest): Promise<KeychainAnswer> {
  const { Entry } = await import('@napi-rs/keyring');
  // Without the option, a Linux machine without a keyring service would silently get the kernel's, which forgets at reboot.
  // It is why the keytar-like functions of the library, which take no options, are not used: these are the same calls.
  const entry = new Entry(service, account, { linux: { store: 'secret-service' } });
  if (verb === 'read') return { secret: entry.getPassword() };
  if (verb === 'remove') return { removed: entry.deletePassword() };
  if (verb === 'take') return { secret: readable(entry), removed: entry.deletePassword() };
  entry.setPassword(secret);
  return entry.getPassword() === secret ? {} : { error: 'it took the secret but does not give it back' };
}

/** What it holds; `null` where that is only in the way of removing it. */
function readable(entry: { getPassword(): string | null }): string | null {
  try {
    return entry.getPassword();
  } catch (error) {
    // Who has just declined to unlock it is not asked again.
    if (reason(error) === locked) throw error;
    return null;
  }
}

async function main(): Promise<void> {
  const request = JSON.parse(readFileSync(0, 'utf8')) as KeychainRequest;
  const result = await answer(request).catch((error: unknown) => ({ error: reason(error) }));
  const bytes = Buffer.from(`${JSON.stringify(result)}\n`);
  for (let at = 0; at < bytes.length; ) at += writeSync(1, bytes, at);
}

const locked = 'it is locked';

function reason(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  if (/dismissed|locked/i.test(message)) return locked;
  if (/DBus|D-Bus|org\.freedesktop|No such interface|ServiceUnknown/i.test(message))
    return `there is none in this session (${message.split('\n')[0]})`;
  // Its own words advise to remove a lock file that whoever runs this does not have.
  if (/native binding/i.test(message))
    return 'its library for this system is not installed, or cannot be loaded';
  if (/no result found/i.test(message)) return 'it has no keyring that is open or could be opened';
  const several = /matched by (\d+) credentials/.exec(message)?.[1];
  return several ? `it has ${several} entries of this name; remove those that others have made` : message;
}

void main();
