/** Which database the verbs of `keys serve` work on. */
import { join } from 'node:path';
import type { App } from '../../src/app.ts';
import { KeysError } from '../../src/errors.ts';
import { sqliteFile } from '../../src/service/sqlite-open.ts';
import { configurationOf, type SettingOptions } from './settings-options.ts';

/**
 * The path of the SQLite file. Throws `unsupported` for PostgreSQL, whose own programs do this: `instead` is given the URL
 * without its password and says how.
 */
export async function sqlitePath(
  app: App,
  { config, database }: SettingOptions,
  instead: (url: string) => string,
): Promise<string> {
  const { database: address = join(app.paths.data, 'service.db') } = await configurationOf(app, {
    config,
    database,
  });
  const file = sqliteFile(address);
  if (file !== null) return file;
  throw new KeysError('unsupported', 'the database is PostgreSQL, which has programs of its own for this', {
    hint: instead(withoutPassword(address)),
  });
}

function withoutPassword(address: string): string {
  // With a user and without a host, as the driver knows it, an address is no URL.
  if (!URL.canParse(address)) return 'postgres://USER@HOST/DATABASE';
  const url = new URL(address);
  url.password = '';
  url.searchParams.delete('password');
  return url.href;
}
