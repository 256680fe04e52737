/** The store on a database that speaks SQL. */
import { type Database, get } from './sql.ts';
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
      await database.transaction(() => get('SELECT 1 AS one'));
    },
    scrub: () => database.scrub(),
    close: () => database.close(),
  };
}
