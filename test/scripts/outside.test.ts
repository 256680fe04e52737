/** The packed package, as somebody outside installs it, and the template driver that stands on it. */
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));
const project = mkdtempSync(join(tmpdir(), 'keys-outside-'));
const modules = join(project, 'node_modules');

beforeAll(async () => {
  await run('npm', ['pack', '--ignore-scripts', '--offline', '--pack-destination', project], { cwd: root });
  mkdirSync(modules);
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  await run('tar', ['-xzf', `keyadm-${version}.tgz`], { cwd: project });
  cpSync(join(project, 'package'), join(modules, 'keyadm'), { recursive: true });
  // What the outsider has installed from elsewhere.
  for (const name of ['vitest', '@types']) symlinkSync(join(root, 'node_modules', name), join(modules, name));
  cpSync(join(root, 'docs/examples/driver'), project, { recursive: true });
});
afterAll(() => rmSync(project, { recursive: true, force: true }));

const environment = {
  PATH: process.env.PATH,
  HOME: project,
  KEYS_CONFIG_DIR: join(project, 'config'),
  KEYS_STATE_DIR: join(project, 'state'),
  KEYS_DATA_DIR: join(project, 'data'),
};

function keys(words: string[], env: Record<string, string> = {}) {
  const argv = [join(modules, 'keyadm/bin/keys.js'), ...words];
  return run(process.execPath, argv, { cwd: project, env: { ...environment, ...env } });
}

test('the template driver passes the contract suite of the package', async () => {
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  const { stdout } = await run(process.execPath, [vitest, 'run', '--root', project, '--reporter', 'json'], {
    cwd: project,
    env: environment,
  });
  const { success, numPassedTests } = JSON.parse(stdout) as { success: boolean; numPassedTests: number };
  expect(success).toBe(true);
  expect(numPassedTests).toBeGreaterThan(15);
});

test('its types are the ones that the package publishes', async () => {
  const tsc = join(root, 'node_modules/.bin/tsc');
  const options = [
    '--noEmit',
    '--allowJs',
    '--checkJs',
    '--strict',
    '--module',
    'nodenext',
    '--types',
    'node',
  ];
  await run(tsc, [...options, '--target', 'es2024', join(project, 'acme.mjs')], { cwd: project });
});

test.each([
  ['a file, beside the config file', 'file'],
  ['a package, beside keyadm', 'package'],
])('a profile works with a driver that is %s', async (_what, form) => {
  const received: string[] = [];
  const server = createServer((request, response) => {
    received.push(`${request.method} ${request.url} ${request.headers.authorization}`);
    const body = JSON.stringify({ keys: [{ id: 1, name: 'ci', created: '2026-01-02T03:04:05Z' }] });
    response.writeHead(200, { 'content-type': 'application/json' }).end(body);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const home = join(modules, 'keys-driver-acme');
  mkdirSync(join(project, 'config'), { recursive: true, mode: 0o700 });
  mkdirSync(home, { recursive: true });
  for (const place of [join(project, 'config'), home])
    cpSync(join(project, 'acme.mjs'), join(place, 'acme.mjs'));
  writeFileSync(join(home, 'package.json'), '{"name":"keys-driver-acme","exports":"./acme.mjs"}');
  const driver = form === 'file' ? './acme.mjs' : 'keys-driver-acme';
  writeFileSync(
    join(project, 'config/config.yaml'),
    `current: acme\nprofiles:\n  acme: { url: '${url}', driver: ${driver} }\n`,
    { mode: 0o600 },
  );
  const { stdout } = await keys(['list', '-o', 'json'], { KEYS_TOKEN: 'a-credential-of-acme' });
  server.close();
  expect(JSON.parse(stdout)).toMatchObject([{ id: '1', name: 'ci', createdAt: '2026-01-02T03:04:05.000Z' }]);
  expect(received).toEqual(['GET /keys Bearer a-credential-of-acme']);
  await expect(keys(['disable', 'ci', '--yes'], { KEYS_TOKEN: 'x' })).rejects.toMatchObject({
    code: 6,
    stderr: expect.stringContaining('keys revoke ends a key for good'),
  });
});

test.each([
  ['export const x = 1;', 'no default export'],
  ['export default () => ({ version: 9 });', 'version 9 of the interface'],
  ['export default () => ({ version: 1 });', 'lacks capabilities or open'],
  ['export default (', 'cannot be used'],
])('a module that is no driver is refused with what it lacks: %s', async (source, why) => {
  writeFileSync(join(project, 'odd.mjs'), source);
  await expect(
    keys(['list'], { KEYS_URL: 'http://127.0.0.1:9', KEYS_DRIVER: './odd.mjs', KEYS_TOKEN: 'x' }),
  ).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringContaining(why),
  });
});

test('a driver is not looked for where a command happens to be run', async () => {
  mkdirSync(join(project, 'elsewhere/node_modules/keys-driver-trap'), { recursive: true });
  writeFileSync(join(project, 'elsewhere/node_modules/keys-driver-trap/index.js'), 'process.exit(42)');
  writeFileSync(
    join(project, 'elsewhere/node_modules/keys-driver-trap/package.json'),
    '{"name":"keys-driver-trap"}',
  );
  const env = {
    ...environment,
    KEYS_URL: 'http://127.0.0.1:9',
    KEYS_DRIVER: 'keys-driver-trap',
    KEYS_TOKEN: 'x',
  };
  const argv = [join(modules, 'keyadm/bin/keys.js'), 'list'];
  await expect(run(process.execPath, argv, { cwd: join(project, 'elsewhere'), env })).rejects.toMatchObject({
    code: 3,
  });
});
