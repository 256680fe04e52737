/** OpenStack Keystone, from Debian's Python packages, on SQLite: the program without the service that Debian would install. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { newDataDirectory } from './places.ts';
import { freePort, needPackages, run, start } from './process.ts';

export interface Keystone {
  /** With `/v3`. */
  readonly url: string;
  /** Who administers, and the token of that login, which ends after an hour. */
  readonly userId: string;
  readonly token: string;
  /** The status of a login with an application credential. */
  login(id: string, secret: string): Promise<number>;
  stop(): Promise<void>;
}

const password = 'adminpw';

export async function startKeystone(): Promise<Keystone> {
  await needPackages('python3-keystone');
  const home = await newDataDirectory('keystone');
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/v3`;
  const config = join(home, 'keystone.conf');
  await writeFile(config, configuration(home));
  for (const kind of ['fernet', 'receipts', 'credential']) await mkdir(join(home, kind), { mode: 0o700 });
  // Debian's Python, whatever else is first in PATH.
  const manage = ['/usr/bin/python3', '/usr/bin/keystone-manage', '--config-file', config];
  const me = ['--keystone-user', String(process.getuid?.()), '--keystone-group', String(process.getgid?.())];
  await run([...manage, 'db_sync']);
  await run([...manage, 'fernet_setup', ...me]);
  await run([...manage, 'credential_setup', ...me]);
  const region = ['--bootstrap-region-id', 'R1'];
  await run([
    ...manage,
    'bootstrap',
    '--bootstrap-password',
    password,
    '--bootstrap-public-url',
    `${url}/`,
    ...region,
  ]);
  const program = [
    '/usr/bin/python3',
    '/usr/bin/keystone-wsgi-public',
    '-b',
    '127.0.0.1',
    '-p',
    String(port),
  ];
  const server = await start(program, {
    log: join(home, 'log'),
    env: { OS_KEYSTONE_CONFIG_FILES: config },
    ready: async () => (await fetch(url)).ok,
  });
  const stop = () => server.stop().finally(() => rm(home, { recursive: true, force: true }));
  const first = await authenticate(
    url,
    {
      methods: ['password'],
      password: { user: { name: 'admin', domain: { id: 'default' }, password } },
    },
    { project: { name: 'admin', domain: { id: 'default' } } },
  );
  const token = first.headers.get('x-subject-token');
  const body = (await first.json()) as { token?: { user: { id: string } } };
  if (token !== null && body.token) {
    const login = async (id: string, secret: string) => {
      const credential = { methods: ['application_credential'], application_credential: { id, secret } };
      return (await authenticate(url, credential)).status;
    };
    return { url, token, userId: body.token.user.id, login, stop };
  }
  await stop();
  throw new Error(`Keystone does not let the administrator in: ${JSON.stringify(body)}`);
}

function authenticate(url: string, identity: object, scope?: object): Promise<Response> {
  return fetch(`${url}/auth/tokens`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ auth: { identity, scope } }),
  });
}

function configuration(home: string): string {
  return `[DEFAULT]
log_file =
[database]
connection = sqlite:///${home}/keystone.db
[fernet_tokens]
key_repository = ${home}/fernet
[fernet_receipts]
key_repository = ${home}/receipts
[credential]
key_repository = ${home}/credential
[identity]
password_hash_rounds = 4
[cache]
enabled = false
`;
}
