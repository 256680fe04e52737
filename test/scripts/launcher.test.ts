/** The launcher in a package that is not whole, or in a directory that is not there. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { newShell } from './shell.ts';

const folder = mkdtempSync(join(tmpdir(), 'keys-launcher-'));
afterAll(() => rmSync(folder, { recursive: true }));
writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
mkdirSync(join(folder, 'bin'));

/** Runs a copy of the launcher that wants this version of Node. */
function launch(wanted: number) {
  const text = readFileSync('bin/keys.js', 'utf8').replace('wanted = 24', `wanted = ${wanted}`);
  writeFileSync(join(folder, 'bin/keys.js'), text);
  const { status, stderr } = spawnSync(process.execPath, [join(folder, 'bin/keys.js'), 'list'], {
    encoding: 'utf8',
  });
  return { code: status, stderr };
}

test('a checkout that is not built says so in one line', () => {
  expect(launch(24)).toEqual({
    code: 1,
    stderr: 'keys: is not built here yet; npm ci in the checkout builds it\n',
  });
});

test('a Node that is too old is told which one is wanted, and exits 2', () => {
  const { code, stderr } = launch(99);
  expect({ code, stderr }).toEqual({
    code: 2,
    stderr: `keys: needs Node 99 or newer; this is Node ${process.versions.node}\n`,
  });
});

test("a checkout's own Node that cannot be started is named in one line", () => {
  const own = join(folder, 'node_modules/node/bin/node');
  mkdirSync(join(own, '..'), { recursive: true });
  writeFileSync(own, '', { mode: 0o600 });
  const { code, stderr } = launch(99);
  expect(code).toBe(1);
  expect(stderr).toBe(`keys: cannot start ${own}: spawn ${own} EACCES; npm ci brings it anew\n`);
});

test('in a directory that has been removed a path that is relative exits 2, and nothing is minted', async () => {
  const shell = newShell();
  const { code, stderr } = await shell.run(
    'mkdir gone && cd gone && rmdir ../gone && keys create x --to file:secret',
  );
  expect(code).toBe(2);
  expect(stderr).toContain('keys: the working directory has been removed\n');
  expect((await shell.run('keys list -o name')).stdout).toBe('');
});

test('what is compiled is kept where this user alone can write, and never in the directory that all users share', async () => {
  const shell = newShell();
  const { stdout } = await shell.run(
    `mkdir tmp cache home && export TMPDIR=$PWD/tmp
     XDG_CACHE_HOME=$PWD/cache keys --version > version
     XDG_CACHE_HOME=cache HOME=$PWD/home keys --version > version
     find tmp cache home -mindepth 1 -type d ! -name 'v[0-9]*' -printf '%m %p\\n'`,
  );
  expect(stdout.split('\n').sort()).toEqual([
    '',
    '700 cache/keys',
    '700 home/.cache',
    '700 home/.cache/keys',
  ]);
});

test.each([
  `keys create x --to "file:$(printf '\\244\\242')"`,
  `keys create "$(printf '\\245\\255')" --discard`,
])(
  '%s: a name or a path that is not UTF-8 is refused, which could not be told from another one',
  async (line) => {
    const shell = newShell();
    const { code, stderr } = await shell.run(line);
    expect(stderr).toContain("' is not UTF-8 text\nhint: ");
    expect(code).toBe(2);
    expect((await shell.run('keys list -o name')).stdout).toBe('');
  },
);
