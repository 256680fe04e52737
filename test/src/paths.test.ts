import { spawnSync } from 'node:child_process';
import { userInfo } from 'node:os';
import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { homeOf, type Paths, pathsFrom, userName } from '../../src/paths.ts';

const os = vi.hoisted(() => ({ hasUser: true }));
vi.mock('node:os', async (original) => {
  const real = await original<typeof import('node:os')>();
  const noUser = () => {
    throw new Error('A system error occurred: uv_os_get_passwd returned ENOENT');
  };
  return {
    ...real,
    homedir: () => (os.hasUser ? real.homedir() : noUser()),
    userInfo: () => (os.hasUser ? real.userInfo() : noUser()),
  };
});

function withoutUser<T>(work: () => T): T {
  os.hasUser = false;
  try {
    return work();
  } finally {
    os.hasUser = true;
  }
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
      expect(withoutUser(() => all(pathsFrom(env, on)))).toEqual({ config: '/1', data: '/2', state: '/3' });
    }),
  );
});

test('a user without a home is told which variables do without one, and only when that is needed', () => {
  withoutUser(() => {
    const paths = pathsFrom({ KEYS_DATA_DIR: '/data' }, 'linux');
    expect(paths.data).toBe('/data');
    expect(() => paths.config).toThrow(`the user uid-${process.getuid?.()} has no home directory`);
    expect(homeOf({})).toBeNull();
    expect(homeOf({ HOME: '/here' })).toBe('/here');
  });
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
