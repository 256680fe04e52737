/** `config.yaml`: read strictly, changed through its document so that comments survive, never overwritten when broken. */
import { constants } from 'node:fs';
import { access, chmod, lstat, readFile, realpath, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { App } from './app.ts';
import type { ProfileEntry } from './config.ts';
import { driverPath } from './drivers/names.ts';
import { KeysError } from './errors.ts';
import { isMissing, makePrivateDirectory, writeAtomically } from './files.ts';
import { withLock } from './lock.ts';

export interface Config {
  current?: string;
  profiles: Record<string, ProfileEntry>;
}

/** A change of the config file; each step takes effect together with the others. */
export interface ConfigEditor {
  /** As the file is now, under the lock. */
  readonly config: Config;
  setCurrent(name: string | null): void;
  /** Fields that are absent are taken out; comments on those that stay survive. */
  setProfile(name: string, entry: ProfileEntry): void;
  renameProfile(name: string, newName: string): void;
  removeProfile(name: string): void;
}

type ConfigApp = Pick<App, 'paths' | 'note' | 'signal'>;

const longestBytes = 1_048_576;

/** The config file, or an empty configuration where there is none. Throws `invalid` with file, line and column. */
export async function readConfig(app: ConfigApp): Promise<Config> {
  const path = configPath(app);
  const text = await readText(app, path);
  if (text === null) return { profiles: {} };
  const { parseConfig } = await import('./config-document.ts');
  return withDriverPaths(parseConfig(path, text).config, dirname(path));
}

/** A driver that is a file is named as seen from the config file. */
function withDriverPaths(config: Config, directory: string): Config {
  const profiles = Object.entries(config.profiles).map(([name, entry]) => {
    const { driver } = entry;
    return [
      name,
      driver === undefined ? entry : { ...entry, driver: driverPath(driver, directory) },
    ] as const;
  });
  return { ...config, profiles: Object.fromEntries(profiles) };
}

/** Changes the config file while no other process does. A file that cannot be read is left as it is; throws as `readConfig`. */
export async function changeConfig(app: ConfigApp, change: (editor: ConfigEditor) => void): Promise<void> {
  const path = configPath(app);
  await makePrivateDirectory(app.paths.config).catch(cannotWrite(path));
  const lock = { signal: app.signal };
  await withLock(join(app.paths.config, 'config.lock'), lock, async () => {
    const text = await readText(app, path);
    const { editConfig } = await import('./config-document.ts');
    const changed = editConfig(path, text ?? '', change);
    if (changed === text) return;
    const target = text === null ? path : await realpath(path);
    await writeAtomically(target, changed).catch(cannotWrite(target));
  }).catch((error: unknown) => {
    throw error instanceof KeysError ? error : cannotWrite(path)(error);
  });
}

/** Throws, as `changeConfig` would, when the config file is broken, cannot be written, or does not admit the change. */
export async function checkConfig(
  app: ConfigApp,
  change: (editor: ConfigEditor) => void = () => {},
): Promise<Config> {
  const path = configPath(app);
  const text = await readText(app, path);
  await makePrivateDirectory(app.paths.config).catch(cannotWrite(path));
  const target = text === null ? path : await realpath(path);
  for (const directory of new Set([app.paths.config, dirname(target)]))
    await access(directory, constants.W_OK).catch(cannotWrite(path));
  if (text === null) return { profiles: {} };
  const { editConfig, parseConfig } = await import('./config-document.ts');
  editConfig(path, text, change);
  return withDriverPaths(parseConfig(path, text).config, dirname(path));
}

function configPath(app: Pick<App, 'paths'>): string {
  return join(app.paths.config, 'config.yaml');
}

async function readText(app: ConfigApp, path: string): Promise<string | null> {
  try {
    const found = await stat(path);
    if (!found.isFile()) throw unreadable(path, 'it is not a file');
    if (found.size > longestBytes) throw unreadable(path, 'it is larger than 1 MiB');
    await tighten(app, path, found.mode);
    return new TextDecoder('utf-8', { fatal: true }).decode(await readFile(path));
  } catch (error) {
    if (error instanceof KeysError) throw error;
    if (error instanceof TypeError) throw unreadable(path, 'it is not UTF-8 text');
    if (!isMissing(error)) throw unreadable(path, (error as Error).message);
    const link = await lstat(path).catch(() => null);
    if (link) throw unreadable(path, 'it is a symbolic link to a file that is not there');
    return null;
  }
}

/** What others could change decides where a credential is sent and which command is run. */
async function tighten(app: ConfigApp, path: string, mode: number): Promise<void> {
  if (process.platform === 'win32') return;
  if ((mode & 0o077) !== 0) {
    const done = await chmod(path, 0o600).then(
      () => true,
      () => false,
    );
    if (done) await app.note(`made ${path} private: its mode was ${octal(mode)} and is now 0600`);
    else if ((mode & 0o022) !== 0) await app.note(`warning: others may write to ${path}; make it private`);
  }
  const directory = await stat(dirname(path));
  const writable = (directory.mode & 0o022) !== 0 && (directory.mode & 0o1000) === 0;
  if (writable) await app.note(`warning: others may write to ${dirname(path)}; chmod 700 makes it private`);
}

function octal(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(4, '0');
}

function unreadable(path: string, why: string): KeysError {
  return new KeysError('invalid', `cannot read ${path}: ${why}`, {
    hint: 'put it right or move it away; KEYS_CONFIG_DIR names another directory',
  });
}

function cannotWrite(path: string): (error: unknown) => never {
  return (cause) => {
    throw new KeysError('invalid', `cannot write ${path}: ${(cause as Error).message}`, {
      hint: 'make it writable, or name another directory in KEYS_CONFIG_DIR',
      cause,
    });
  };
}
