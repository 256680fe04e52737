/** Where live services are installed, and where one of them keeps its data while it runs. */
import { existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from './process.ts';

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

/** An installation of npm packages as `packages/<name>` locks them, with this very Node. */
export function installedFromNpm(name: string): Promise<string> {
  const from = fileURLToPath(new URL(`packages/${name}/`, import.meta.url));
  return installed(name, async (directory) => {
    for (const file of ['package.json', 'package-lock.json'])
      await copyFile(join(from, file), join(directory, file));
    const env = { PATH: `${dirname(process.execPath)}:${process.env.PATH}` };
    // As locked; `npm ci` refuses a lock when a registry lacks optional packages of other systems.
    await run(['npm', 'install', '--no-audit', '--no-fund', '--ignore-scripts'], { cwd: directory, env });
  });
}
