/** A real shell in a home of its own, where `keys` is the built command. */
import { execFile } from 'node:child_process';
import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from '../fakes/temporary.ts';

const root = new URL('../../', import.meta.url).pathname;

export interface Shell {
  readonly path: string;
  /** Runs a script in bash, with `pipefail`; its exit code, and what it wrote. */
  run(
    script: string,
    env?: Record<string, string>,
  ): Promise<{ code: number; stdout: string; stderr: string }>;
}

export function newShell(): Shell {
  if (!existsSync(join(root, 'dist/start.cjs'))) throw new Error('the command is not built: npm run build');
  const path = temporaryDirectory();
  const command = join(path, 'keys');
  writeFileSync(command, `#!/bin/sh\nexec '${process.execPath}' '${join(root, 'bin/keys.js')}' "$@"\n`);
  chmodSync(command, 0o755);
  const env = {
    PATH: `${path}:${process.env.PATH}`,
    HOME: path,
    // What one run compiles is there for the next one.
    XDG_CACHE_HOME: join(root, 'node_modules/.cache'),
    LANG: 'C.UTF-8',
    KEYS_CONFIG_DIR: join(path, 'config'),
    KEYS_DATA_DIR: join(path, 'data'),
    KEYS_STATE_DIR: join(path, 'state'),
  };
  return {
    path,
    run: (script, more = {}) =>
      new Promise((resolve, reject) => {
        const options = { cwd: path, env: { ...env, ...more }, timeout: 110_000 };
        const argv = ['-o', 'pipefail', '-c', script];
        const child = execFile('bash', argv, options, (error, stdout, stderr) => {
          if (error && typeof error.code !== 'number') reject(error);
          else resolve({ code: Number(error?.code ?? 0), stdout, stderr });
        });
        child.stdin?.end();
      }),
  };
}
