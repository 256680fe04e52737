/** What can be set of a service, and who says so. */
import { readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  type Configuration,
  optionOf,
  type SettingName,
  settingNames,
  settingOf,
  variableOf,
} from '../../../src/service/configuration.ts';
import { configurationFrom } from '../../../src/service/configuration-sources.ts';
import { parseMasterKeys } from '../../../src/service/master-keys.ts';
import { temporaryDirectory } from '../../fakes/temporary.ts';

const masterKey = Buffer.alloc(32, 'of 32 bytes').toString('base64');

/** For each setting a value as a file holds it, as a variable does, and what it means. */
const samples: Readonly<Record<SettingName, { file: unknown; words: string; means?: unknown }>> = {
  listen: { file: '[::1]:80', words: '[::1]:80', means: { host: '::1', port: 80 } },
  database: { file: '/var/lib/keys/keys.db', words: '/var/lib/keys/keys.db' },
  quota: { file: 0, words: '0' },
  totalQuota: { file: 10, words: '10' },
  rateLimit: { file: '10/1s', words: '10/1s', means: { requests: 10, perSeconds: 1 } },
  addressRateLimit: { file: 'none', words: 'none' },
  masterKeyFile: { file: '/run/master.keys', words: '/run/master.keys' },
  masterKey: {
    file: masterKey,
    words: masterKey,
    means: parseMasterKeys(masterKey, 'here'),
  },
  secretPrefix: { file: 'acme_', words: 'acme_' },
  adminSecretFile: { file: '/run/secret', words: '/run/secret' },
  apiVersions: { file: ['2026-11-01', '2027-01-31'], words: '2026-11-01, 2027-01-31' },
  roles: { file: { deployer: ['a.deploy'] }, words: '{"deployer":["a.deploy"]}' },
  tlsCertFile: { file: '/etc/cert.pem', words: '/etc/cert.pem' },
  tlsKeyFile: { file: '/etc/key.pem', words: '/etc/key.pem' },
  trustedProxies: {
    file: ['10.0.0.0/8', 'loopback', 'uniquelocal', '::1'],
    words: '10.0.0.0/8,loopback,uniquelocal,::1',
  },
  insecureHttp: { file: true, words: 'true' },
  metricsListen: {
    file: '127.0.0.1:9464',
    words: '127.0.0.1:9464',
    means: { host: '127.0.0.1', port: 9464 },
  },
  drainTime: { file: '5s', words: '5s', means: 5_000 },
  logLevel: { file: 'warn', words: 'warn' },
};

function fileWith(text: string): string {
  const directory = temporaryDirectory();
  const path = join(directory, 'serve.yaml');
  writeFileSync(path, text);
  return path;
}

const from = (env: Record<string, string>, file?: string, options: Partial<Configuration> = {}) =>
  configurationFrom({ options, env, ...(file === undefined ? {} : { file }) });

async function refusal(result: Promise<unknown>): Promise<{ message: string; hint: string | null }> {
  return result.then(
    () => ({ message: 'nothing was refused', hint: null }),
    ({ code, message, hint }) => {
      expect(code).toBe('invalid');
      return { message, hint };
    },
  );
}

for (const name of settingNames) {
  const { file, words, means = file } = samples[name];

  test(`${name} can be set in a file and by ${variableOf(name)}, and means the same`, async () => {
    expect((await from({}, fileWith(JSON.stringify({ [name]: file }))))[name]).toEqual(means);
    expect((await from({ [variableOf(name)]: words }))[name]).toEqual(means);
  });
}

test('with nothing said, all is at its default', async () => {
  const { roles, ...defaults } = await from({});
  expect(roles).toBeUndefined();
  expect(defaults).toEqual({
    ...{ listen: { host: '127.0.0.1', port: 8787 }, secretPrefix: 'keys_', apiVersions: ['2026-11-01'] },
    rateLimit: { requests: 6_000, perSeconds: 60 },
    addressRateLimit: { requests: 6_000, perSeconds: 60 },
    ...{ trustedProxies: [], insecureHttp: false, drainTime: 0, logLevel: 'info' },
  });
  expect(await from({}, fileWith('# nothing yet\n'))).toEqual(defaults);
});

test('an option goes before a variable, a variable before the file, the file before the default', async () => {
  const file = fileWith('secretPrefix: file_\nquota: 1\nlogLevel: warn\n');
  const env = { KEYS_SERVE_SECRET_PREFIX: 'env_', KEYS_SERVE_QUOTA: '2', KEYS_SERVE_CONFIG: file };
  expect(await from(env, undefined, { secretPrefix: 'option_', quota: undefined })).toMatchObject({
    ...{ secretPrefix: 'option_', quota: 2, logLevel: 'warn', drainTime: 0 },
  });
});

test.each([
  ['quota: 1\nlisten: [', /serve\.yaml:2:\d+: ./],
  ['- listen', /serve\.yaml:1:1: the file must hold settings by name$/],
  ['a: &x [*x]', /serve\.yaml/],
  [
    `a: &a [1]\nb: &b [${'*a, '.repeat(20)}]\nc: [${'*b, '.repeat(20)}]`,
    /serve\.yaml: Excessive alias count/,
  ],
  ['listen: *:8787', /serve\.yaml:1:9: .* takes quotes: '\*:8787'$/],
  ['roles:\n  auditor: [audit.view, *.list]', /serve\.yaml:2:25: .* takes quotes: '\*\.list'$/],
  ['# first\nquota: many', /serve\.yaml:2:1: quota must be a whole number$/],
  ['quota: -1', /serve\.yaml:1:1: quota must be 0 or more$/],
  ['listen: nowhere', /serve\.yaml:1:1: listen: 'nowhere' is not an address to listen on; write it as/],
  ['database: keys.db', /serve\.yaml:1:1: database must be an absolute path$/],
  ['database: sqlite:keys.db', /serve\.yaml:1:1: database must be an absolute path$/],
  ['database: mysql://x/y', /database: 'mysql:\/\/x\/y' is not a database/],
  ['apiVersions: [2026-11-01, soon]', /serve\.yaml:1:27: apiVersions\.1 must be a date such as 2026-11-01$/],
  ['apiVersions: []', /apiVersions must not be empty$/],
  ['roles:\n  boss: [everything]', /serve\.yaml:2:3: roles\.boss: /],
  ['roles:\n  owner: []', /serve\.yaml:2:3: roles\.owner: /],
  ['trustedProxies:\n  - 10.0.0.0/8\n  - 10.0.0.0/33', /serve\.yaml:3:5: .*'10\.0\.0\.0\/33' is neither/],
  ['trustedProxies: [x/10.0.0.0/8]', /'x\/10\.0\.0\.0\/8' is neither an address nor a network/],
  ['trustedProxies: [10.0.0.0/8/8]', /'10\.0\.0\.0\/8\/8' is neither an address nor a network/],
  ['trustedProxies: [0.0.0.0/0]', /'0\.0\.0\.0\/0' is every address/],
  ['trustedProxies: ["::/0"]', /'::\/0' is every address/],
  ['trustedProxies: [proxy.example.com]', /'proxy\.example\.com' is neither an address nor a network/],
  ['drainTime: 30d', /'30d' is longer than a day$/],
  ['database: ":memory:"', /':memory:' is not a database|must be an absolute path/],
  ['database: sqlite://service.db', /'sqlite:\/\/service\.db' is not a database|must be an absolute path/],
  ['? [a, b]\n: 1', /there is no setting/],
  ['trustedProxies: proxy.example.com', /trustedProxies must be a list of addresses and networks$/],
  ['insecureHttp: "yes"', /insecureHttp must be true or false$/],
  ['drainTime: 5', /drainTime must be text$/],
  ['secretPrefix: ""', /secretPrefix must not be empty$/],
])('a file is refused at its place: %j', async (text, message) => {
  const said = await refusal(from({}, fileWith(text)));
  expect(said.message).toMatch(message);
  expect(said.hint).not.toBeNull();
});

test('a setting that is misspelt is refused with the nearest one, in the file and in the environment', async () => {
  const { message, hint } = await refusal(from({}, fileWith('listen: 127.0.0.1:1\nqouta: 3\n')));
  expect(message).toMatch(/serve\.yaml:2:1: there is no setting 'qouta'$/);
  expect(hint).toMatch(/^did you mean quota\? known: listen, /);
  expect(await refusal(from({ KEYS_SERVE_LISTNE: 'x' }))).toEqual({
    message: 'KEYS_SERVE_LISTNE is no setting',
    hint: 'did you mean KEYS_SERVE_LISTEN? keys help serve-config lists them',
  });
});

test('what Kubernetes says about a service called keys-serve is no setting', async () => {
  const env = {
    KEYS_SERVE_SERVICE_HOST: '10.0.0.1',
    KEYS_SERVE_SERVICE_PORT_HTTP: '8787',
    KEYS_SERVE_PORT: 'tcp://10.0.0.1:8787',
    KEYS_SERVE_PORT_8787_TCP_ADDR: '10.0.0.1',
  };
  expect(await from(env)).toEqual(await from({}));
});

test('a variable that is wrong, empty, or names no readable file is refused by its name', async () => {
  expect((await refusal(from({ KEYS_SERVE_QUOTA: 'x' }))).message).toBe(
    'KEYS_SERVE_QUOTA: must be a whole number',
  );
  expect((await refusal(from({ KEYS_SERVE_QUOTA: '' }))).message).toBe('KEYS_SERVE_QUOTA is set, but empty');
  for (const given of ['yes', 'constructor'])
    expect((await refusal(from({ KEYS_SERVE_INSECURE_HTTP: given }))).message).toBe(
      'KEYS_SERVE_INSECURE_HTTP: must be true or false',
    );
  expect((await refusal(from({ KEYS_SERVE_ROLES: 'x' }))).message).toBe(
    'KEYS_SERVE_ROLES: must be roles by name',
  );
  for (const [path, reason] of [
    ['/no/such.yaml', 'ENOENT'],
    [tmpdir(), 'it is not a file'],
    [fileWith('#'.repeat(2 ** 20 + 1)), 'it is larger than 1 MiB'],
  ])
    expect((await refusal(from({ KEYS_SERVE_CONFIG: `${path}` }))).message).toBe(
      `cannot read the configuration ${path}: ${reason}`,
    );
});

test('a database that would be gone with the process, or on another machine, is refused', async () => {
  for (const database of [':memory:', 'sqlite:://x', 'sqlite::memory:', 'sqlite://service.db']) {
    expect((await refusal(from({ KEYS_SERVE_DATABASE: database }))).message).toContain('is not a database');
  }
});

test('docs/service.md lists every setting: its option, its variable and its default', () => {
  const page = readFileSync(new URL('../../../docs/service.md', import.meta.url), 'utf8');
  const code = (text: string | null | undefined) => (text ? `\`${text}\`` : '');
  const missing = settingNames
    .map((name) => {
      const { summary, default: given } = settingOf(name);
      const option = optionOf(name);
      return `| \`${name}\` | ${code(option)} | \`${variableOf(name)}\` | ${code(given)} | ${summary} |`;
    })
    .filter((row) => !page.includes(`${row}\n`));
  expect(missing).toEqual([]);
});
