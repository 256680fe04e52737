/** A desktop session of a test's own: a home, a D-Bus, and a real gnome-keyring that is unlocked, locked or not there. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Env } from '../../src/env.ts';
import type { Home, Result } from '../run.ts';
import { type Keyring, startDesktop } from './desktop.ts';

const needed = ['dbus-run-session', 'dbus-send', 'gnome-keyring-daemon', 'secret-tool'];

/** Why these tests cannot run here, or null. */
export function missingPrograms(): string | null {
  const missing = needed.filter((program) => spawnSync('which', [program]).status !== 0);
  return missing.length > 0 ? `not installed: ${missing.join(', ')}` : null;
}

/** Starts a session on the home and returns the environment of a program in it. It ends with the test, or by `end`. */
export async function startSession(
  home: Home,
  keyring: Keyring,
): Promise<{ env: Env; end(): Promise<void> }> {
  const env = homeEnvironment(home);
  const { address, end } = await startDesktop(
    env,
    keyring,
    keyring === 'none' ? busWithoutServices(home) : undefined,
  );
  onTestFinished(end);
  return { env: { ...env, DBUS_SESSION_BUS_ADDRESS: address }, end };
}

/** A D-Bus that takes every connection and never says a word. */
export async function startDeafBus(home: Home): Promise<Env> {
  const path = join(home.path, 'bus');
  const server = createServer();
  server.listen(path);
  await once(server, 'listening');
  const connections = new Set<{ destroy(): void }>();
  server.on('connection', (connection) => connections.add(connection.on('error', () => {})));
  onTestFinished(() => {
    for (const connection of connections) connection.destroy();
    server.close();
  });
  return { ...homeEnvironment(home), DBUS_SESSION_BUS_ADDRESS: `unix:path=${path}` };
}

/** Without a D-Bus, and without a screen on which a prompt could appear. */
export function homeEnvironment(home: Home): Env {
  const runtime = join(home.path, 'run');
  mkdirSync(runtime, { recursive: true, mode: 0o700 });
  return { ...home.env, PATH: process.env.PATH, HOME: home.path, XDG_RUNTIME_DIR: runtime };
}

/** Runs the built command, under another program (`strace …`) when one is given. */
export async function built(
  argv: readonly string[],
  env: Env,
  stdin = '',
  under: readonly string[] = [],
): Promise<Result> {
  const bin = new URL('../../bin/keys.js', import.meta.url).pathname;
  const [program = '', ...words] = [...under, process.execPath, bin, ...argv];
  const child = spawn(program, words, { env });
  const texts = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      texts[name] += text;
    });
  }
  child.stdin.end(stdin);
  const [code] = (await once(child, 'close')) as [number];
  return { code, ...texts };
}

/** Whether any file below the home holds the text. */
export function holdsText(home: Home, text: string): boolean {
  const entries = readdirSync(home.path, { recursive: true, withFileTypes: true });
  return entries.some(
    (entry) => entry.isFile() && readFileSync(join(entry.parentPath, entry.name)).includes(text),
  );
}

function busWithoutServices(home: Home): string {
  const path = join(home.path, 'bus.conf');
  writeFileSync(
    path,
    `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:dir=${home.path}</listen>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy>
</busconfig>`,
  );
  return path;
}
