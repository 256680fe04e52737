/** A CI runner: a workspace that is empty at first, no `keys` in it, and a cache that outlives it. */
import { cpSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fakeRegistry } from '../fakes/registry.ts';
import { temporaryDirectory } from '../fakes/temporary.ts';
import { newShell, type Shell } from './shell.ts';

export interface Runner extends Shell {
  /** Keeps a path of the workspace, when it is there, under a key; an older entry stays. */
  save(path: string, key: string): void;
  /** Brings back the latest entry whose key begins like this; nothing when there is none. */
  restore(path: string, keyPrefix: string): void;
  /** The next job has another machine. */
  renew(): void;
}

/** `npm install` gets this package, packed as it is, from a registry on loopback. */
export async function newRunner(): Promise<Runner> {
  const shell = newShell();
  const cache = temporaryDirectory();
  const tools = temporaryDirectory();
  const keys: string[] = [];
  const env = {
    PATH: `${join(tools, 'bin')}:${dirname(process.execPath)}:${process.env.PATH}`,
    npm_config_registry: await fakeRegistry(),
    npm_config_prefix: tools,
    npm_config_cache: join(tools, 'cache'),
    npm_config_update_notifier: 'false',
  };

  function renew(): void {
    rmSync(tools, { recursive: true, force: true });
    rmSync(shell.path, { recursive: true, force: true });
    mkdirSync(shell.path);
  }

  renew();
  return {
    path: shell.path,
    run: (script, more) => shell.run(script, { ...env, ...more }),
    save(path, key) {
      if (!existsSync(join(shell.path, path))) return;
      cpSync(join(shell.path, path), join(cache, String(keys.length)), { recursive: true });
      keys.push(key);
    },
    restore(path, keyPrefix) {
      const latest = keys.findLastIndex((key) => key.startsWith(keyPrefix));
      if (latest >= 0) cpSync(join(cache, String(latest)), join(shell.path, path), { recursive: true });
    },
    renew,
  };
}
