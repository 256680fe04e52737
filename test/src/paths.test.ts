import { spawnSync } from 'node:child_process';
import { homedir, userInfo } from 'node:os';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { KeysError } from '../../src/errors.ts';
import { homeOf, type Paths, pathsFrom, userName } from '../../src/paths.ts';

function noHome(): never {
  throw new KeysError('invalid', 'no home');
}

function all({ config, data, state }: Paths): Paths {
  return { config, data, state };
}

test.each([
  [
    'linux',
    { HOME: '/home/ann' },
    ['/home/ann/.config/keys', '/home/ann/.local/share/keys', '/home/ann/.local/state/keys'],
  ],
  [
    'linux',
    { HOME: '/home/ann', XDG_CONFIG_HOME: '/c', XDG_DATA_HOME: '/d', XDG_STATE_HOME: '/s' },
    ['/c/keys', '/d/keys', '/s/keys'],
  ],
  [
    'linux',
    { HOME: '/home/ann', XDG_CONFIG_HOME: 'relative', XDG_DATA_HOME: '' },
    ['/home/ann/.config/keys', '/home/ann/.local/share/keys', '/home/ann/.local/state/keys'],
  ],
  [
    'darwin',
    { HOME: '/Users/ann', XDG_CONFIG_HOME: '/c' },
    [
      '/Users/ann/Library/Preferences/keys',
      '/Users/ann/Library/Application Support/keys',
      '/Users/ann/Library/Application Support/keys/state',
    ],
  ],
  [
    'win32',
    { APPDATA: '/roaming', LOCALAPPDATA: '/local' },
    ['/roaming/keys/Config', '/local/keys/Data', '/local/keys/Data/state'],
  ],
] as const)('on %s with %o everything has its usual place', (platform, env, [config, data, state]) => {
  expect(all(pathsFrom(env, platform))).toEqual({ config, data, state });
});

test('KEYS_CONFIG_DIR, KEYS_DATA_DIR and KEYS_STATE_DIR go before everything else, on any platform and without a home', () => {
  const given = fc.record({
    KEYS_CONFIG_DIR: fc.constant('/1'),
    KEYS_DATA_DIR: fc.constant('/2'),
    KEYS_STATE_DIR: fc.constant('/3'),
    HOME: fc.option(fc.constant('/home/ann'), { nil: undefined }),
    XDG_CONFIG_HOME: fc.option(fc.constant('/c'), { nil: undefined }),
  });
  const platform = fc.constantFrom('linux', 'darwin', 'win32', 'freebsd');
  fc.assert(
    fc.property(given, platform, (env, on) => {
      expect(all(pathsFrom(env, on, noHome))).toEqual({ config: '/1', data: '/2', state: '/3' });
    }),
  );
});

test('a home is looked for only where a place takes one', () => {
  const paths = pathsFrom({ KEYS_DATA_DIR: '/data', XDG_STATE_HOME: '/s' }, 'linux', noHome);
  expect([paths.data, paths.state]).toEqual(['/data', '/s/keys']);
  expect(() => paths.config).toThrow('no home');
});

test('the home is the one that HOME names, else that of the user', () => {
  expect(homeOf({ HOME: '/here' })).toBe('/here');
  expect(homeOf({})).toBe(homedir());
  expect(userName()).toBe(userInfo().username);
});

/** A number that no user has. */
const nobody = { uid: 54_321, gid: 54_321, env: {}, encoding: 'utf8' } as const;

function lack(): string {
  if (process.getuid?.() !== 0) return 'only root can run something as another user';
  const { status } = spawnSync('/usr/bin/head', ['-c1', 'dist/start.cjs', process.execPath], nobody);
  return status === 0 ? '' : 'others may not read this checkout';
}

const lacks = lack();
test.skipIf(lacks)(
  `the command runs under a number that no user has, and says so where it needs a home${lacks && ` (skipped: ${lacks})`}`,
  () => {
    const keys = (...argv: string[]) => spawnSync(process.execPath, ['bin/keys.js', ...argv], nobody);
    expect(keys('--version')).toMatchObject({ status: 0, stderr: '' });
    expect(keys('list')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('the user uid-54321 has no home directory'),
    });
  },
);
