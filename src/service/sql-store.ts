/** The store on a database that speaks SQL. */
import { KeysError } from '../errors.ts';
import { migrations } from './migrations/index.ts';
import { type Database, run } from './sql.ts';
import { auditStore } from './sql-audit.ts';
import { keyStore } from './sql-keys.ts';
import { limitStore } from './sql-limits.ts';
import { mintStore } from './sql-mints.ts';
import { revealStore } from './sql-reveal.ts';
import { sessionStore } from './sql-sessions.ts';
import { userStore } from './sql-users.ts';
import type { Store } from './store.ts';

export function sqlStore(database: Database): Store {
  return {
    ...keyStore(database),
    ...mintStore(database),
    ...auditStore(database),
    ...limitStore(database),
    ...revealStore(database),
    ...userStore(database),
    ...sessionStore(database),
    async check() {
      if ((await database.step()) > migrations.length) {
        throw new KeysError('unavailable', 'a newer version of keys has opened the database');
      }
      await database.transaction(function* () {
        // A transaction that writes nothing would succeed on a disk that is full.
        yield* run(
          `INSERT INTO rate_limits (bucket, taken, version, changed_at) VALUES ('check', '[]', 1, 0) ON CONFLICT DO NOTHING`,
        );
        yield* run(`DELETE FROM rate_limits WHERE bucket = 'check'`);
      });
    },
    scrub: () => database.scrub(),
    close: () => database.close(),
  };
}
