/** Where live services are installed, and where one of them keeps its data while it runs. */
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';

const cache =
  process.env.KEYS_LIVE_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'keys-live');

/** The directory of an installation, made by `install` unless it is there already. `name` says the version too. */
export async function installed(
  name: string,
  install: (directory: string) => Promise<void>,
): Promise<string> {
  const directory = join(cache, name);
  if (existsSync(directory)) return directory;
  await mkdir(cache, { recursive: true });
  const fresh = await mkdtemp(join(cache, `${name}.`));
  try {
    await install(fresh);
    await rename(fresh, directory);
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
  return directory;
}

export async function newDataDirectory(name: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), `keys-live-${name}-`));
  // A service that runs as another user has to get to what is its own in there.
  await chmod(directory, 0o755);
  return directory;
}
