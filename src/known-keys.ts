/**
 * The names of keys for shell completion, kept in the state directory for a short while. Whoever completes waits for
 * nobody: a service is asked by a process of its own, which may still be at it when this one is done. No secret is kept.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { App } from './app.ts';
import type { Profile } from './config.ts';
import { allKeys, type Key, type KeyStatus } from './keys.ts';

export interface KnownKey {
  readonly id: string;
  readonly name: string;
  readonly status: KeyStatus | null;
  readonly owner?: string | null;
}

const freshMs = 60_000;
/** When the service does not answer in time, somewhat older names are better than none. */
const usableMs = 3_600_000;
/** A service that did not answer is left alone for this long. */
const pauseMs = 10_000;
/** From the start of this process, which has to print its answer yet. */
const deadlineMs = 190;
const most = 1_000;

/**
 * The keys of the profile in force, as far as they are known within the time that a person does not notice. `typed` is how
 * the one that is wanted begins: when none that is known does, it may be new.
 */
export async function knownKeys(app: App, typed: string): Promise<readonly KnownKey[]> {
  const profile = await app.profile();
  const path = await pathFor(app, profile);
  let kept = await read(app, path);
  const prefix = typed.toLowerCase();
  const fits = ({ id, name }: KnownKey) => id.startsWith(typed) || name.toLowerCase().startsWith(prefix);
  if (kept && kept.ageMs < freshMs && kept.keys.some(fits)) return kept.keys;
  if (mayAsk(app, profile) && (await beginAsking(app, path))) {
    const before = kept?.at;
    // `performance.now()` counts from the start of the process.
    while (performance.now() < deadlineMs && (!kept || kept.at === before)) {
      await sleep(10);
      kept = await read(app, path);
    }
  }
  return kept && kept.ageMs < usableMs ? kept.keys : [];
}

/** Asks the service, and keeps the answer for `knownKeys`. */
export async function learnKeys(app: App): Promise<void> {
  const service = await app.keys('list');
  const keys: Key[] = [];
  for await (const page of allKeys(service, { namespace: (await app.namespace()) ?? undefined })) {
    keys.push(...page);
    if (keys.length >= most) break;
  }
  await keep(app, keys);
}

/** Keeps for `knownKeys` what a command learned anyway, all keys of the namespace in force. Never fails. */
export async function rememberKeys(app: App, keys: readonly Key[]): Promise<void> {
  await keep(app, keys).catch(() => {});
}

async function keep(app: App, keys: readonly Key[]): Promise<void> {
  const path = await pathFor(app, await app.profile());
  const known = keys
    .slice(0, most)
    .map(({ id, name, status, owner }): KnownKey => ({ id, name, status, owner }));
  const temporary = `${path}.${process.pid}`;
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFile(temporary, JSON.stringify({ at: app.now(), keys: known }), { mode: 0o600, flag: 'wx' });
  await rename(temporary, path);
}

interface Kept {
  readonly at: number;
  readonly keys: readonly KnownKey[];
}

/** Another service, profile or namespace never finds the names. */
async function pathFor(app: App, { name, driver, url }: Profile): Promise<string> {
  const identity = JSON.stringify([name, driver, url, await app.namespace()]);
  const digest = createHash('sha256').update(identity).digest('hex');
  return join(app.paths.state, 'known-keys', `${digest.slice(0, 32)}.json`);
}

async function read(app: App, path: string): Promise<(Kept & { ageMs: number }) | null> {
  try {
    const { at, keys } = JSON.parse(await readFile(path, 'utf8')) as Kept;
    const sound = keys.every((key) => typeof key.id === 'string' && typeof key.name === 'string');
    const ageMs = app.now() - at;
    return sound && ageMs >= 0 ? { at, keys, ageMs } : null;
  } catch {
    return null;
  }
}

/** Whether the service can be asked without a keychain, a command or a passphrase, each of which may turn to a person. */
function mayAsk({ env }: App, { driver, url }: Profile): boolean {
  // Completing never makes a database.
  if (driver === 'local') return existsSync(url.replace(/^sqlite:/, ''));
  return Boolean(env.KEYS_TOKEN_FILE || env.KEYS_TOKEN);
}

/** Starts a process that learns the keys and outlives this one; false when that was tried a moment ago. */
async function beginAsking(app: App, path: string): Promise<boolean> {
  const mark = `${path}.asked`;
  const asked = await stat(mark).catch(() => null);
  if (asked && Math.abs(Date.now() - asked.mtimeMs) < pauseMs) return false;
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFile(mark, '', { mode: 0o600 });
  const { profile, namespace } = app.options;
  const options = [
    ...(profile === undefined ? [] : [`--profile=${profile}`]),
    ...(namespace === undefined ? [] : [`--namespace=${namespace}`]),
  ];
  const { spawn } = await import('node:child_process');
  // Sources and the built program are both one folder deep in the package.
  const launcher = fileURLToPath(new URL('../bin/keys.js', import.meta.url));
  spawn(process.execPath, [launcher, '__learn', '--no-input', '--timeout=10s', ...options], {
    env: { ...app.env },
    stdio: 'ignore',
    detached: true,
    windowsHide: true,
  })
    .on('error', () => {})
    .unref();
  return true;
}
