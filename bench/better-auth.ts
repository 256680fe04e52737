/** better-auth's API-key plugin, installed beside its server the first time that it is measured: nothing else here needs it. */
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Program, startProgram } from './program.ts';

const directory = fileURLToPath(new URL('better-auth', import.meta.url));

function install(): void {
  if (existsSync(join(directory, 'node_modules', 'better-auth'))) return;
  const { status } = spawnSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
    cwd: directory,
    stdio: 'inherit',
  });
  if (status !== 0) throw new Error('better-auth could not be installed');
}

/** On a database of its own, which it fills; `path` is where it finds the secrets to fill it with. */
export function startBetterAuth(
  database: string,
  path: string,
  secrets: readonly string[],
): Promise<Program> {
  install();
  writeFileSync(path, secrets.join('\n'), { mode: 0o600 });
  const server = join(directory, 'server.mjs');
  return startProgram([server], { DATABASE: database, SECRETS: path });
}
