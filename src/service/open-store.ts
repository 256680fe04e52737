/** The store that a database's address stands for. */
import { KeysError } from '../errors.ts';
import { sqliteFile } from './sqlite-open.ts';
import type { Store } from './store.ts';

/** `address` is a path, `sqlite:PATH` or `postgres://…`. Throws `unavailable` and `invalid` for a database that cannot be used. */
export async function openStore(address: string): Promise<Store> {
  const file = sqliteFile(address);
  if (file === null) return (await import('./postgres.ts')).openPostgres(address);
  return (await import('./sqlite.ts')).openSqlite(file);
}

/** What others can read, as on a command line, has no password in it. Throws `invalid`. */
export function refusePassword(address: string): string {
  if (!/^postgres(?:ql)?:\/\/[^/?#]*:[^/?#]*@|[?&]password=/i.test(address)) return address;
  throw new KeysError('invalid', 'the password of the database does not belong on the command line', {
    hint: 'leave it out, and put it in PGPASSWORD or in the file that PGPASSFILE names',
  });
}
