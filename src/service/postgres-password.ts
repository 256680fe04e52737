/**
 * The password of a PostgreSQL whose address has none, from the file that PostgreSQL's own programs take it from:
 * https://www.postgresql.org/docs/current/libpq-pgpass.html. `PGPASSWORD` is left to the library.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { unescape as decoded } from 'node:querystring';
import type { Env } from '../env.ts';
import { KeysError } from '../errors.ts';
import { isMissing, readSmallFile } from '../files.ts';
import { userName } from '../paths.ts';
import { shellArgument } from '../text.ts';

const noHost = 'no-host';

/** The address with the password in it; as it is where there is none to be found. Throws `invalid` for a file that is open to others. */
export async function withPassword(address: string, env: Env = process.env): Promise<string> {
  // As the driver reads it, which knows an address with a user and without a host: `postgres://USER@/DATABASE?host=…`.
  const url = URL.parse(address) ?? URL.parse(address.replace('@/', `@${noHost}/`));
  if (!url || url.password || url.searchParams.has('password') || env.PGPASSWORD) return address;
  const path = env.PGPASSFILE || (env.HOME ? join(env.HOME, '.pgpass') : null);
  const text = path === null ? null : await contentOf(path, Boolean(env.PGPASSFILE));
  const wanted = [
    url.searchParams.get('host') || hostOf(url) || env.PGHOST || 'localhost',
    url.searchParams.get('port') || url.port || env.PGPORT || '5432',
    decoded(url.pathname.slice(1)) || env.PGDATABASE || userOf(url, env),
    userOf(url, env),
  ];
  const password = text === null ? null : passwordIn(text, wanted);
  if (password === null) return address;
  // The other place for it is there only beside the name of a host.
  url.searchParams.set('password', password);
  return url.href.replace(`@${noHost}/`, '@/');
}

/** Empty where there is none; without the brackets of an IPv6 address, and as a path where it is a socket's, `%2Frun%2Fpostgresql`. */
function hostOf({ hostname }: URL): string {
  return hostname === noHost ? '' : decoded(hostname.replace(/^\[(.+)\]$/, '$1'));
}

function userOf(url: URL, env: Env): string {
  return url.searchParams.get('user') || decoded(url.username) || env.PGUSER || userName();
}

async function contentOf(path: string, isNamed: boolean): Promise<string | null> {
  const refuse = (cause: Error): never => {
    throw new KeysError('invalid', `PGPASSFILE: cannot read ${path}: ${cause.message}`, { cause });
  };
  const found = await stat(path).catch((cause: Error) =>
    !isNamed && isMissing(cause) ? null : refuse(cause),
  );
  if (!found) return null;
  // What root hands to a service may be readable by its group, as systemd's credentials are.
  const others = found.uid === 0 ? 0o027 : 0o077;
  if (process.platform === 'win32' || (found.mode & others) === 0) return readSmallFile(path).catch(refuse);
  // As PostgreSQL's own programs do; but whoever names a file wants it used.
  if (!isNamed) return null;
  throw new KeysError('invalid', `the password file ${path} is open to others`, {
    hint: `chmod 600 ${shellArgument(path)}`,
  });
}

/** The first line that fits: `host:port:database:user:password`, where `*` fits all, and `\\` takes the next character as it is. */
function passwordIn(text: string, wanted: readonly string[]): string | null {
  for (const line of text.split(/\r?\n/)) {
    if (line.startsWith('#')) continue;
    const fields = [...line.matchAll(/((?:\\.|[^\\:])*)(?::|$)/g)].map(([, field = '']) => field);
    const [password, ...names] = [fields[4], ...fields.slice(0, 4)].map((field) =>
      field?.replace(/\\(.)/g, '$1'),
    );
    const fits = wanted.every((name, at) => fields[at] === '*' || names[at] === name);
    if (fits && password) return password;
  }
  return null;
}
