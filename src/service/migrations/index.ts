/** The steps of the database, in order; the number of a step is its place. Steps are added, never changed. */
import type { Dialect } from '../sql.ts';
import { sql as start } from './0001-start.ts';
import { sql as mints } from './0002-mints.ts';
import { sql as writers } from './0003-writers.ts';
import { sql as auditChain } from './0004-audit-chain.ts';
import { sql as limits } from './0005-limits.ts';
import { sql as users } from './0006-users.ts';
import { sql as reveal } from './0007-reveal.ts';
import { sql as sessionSecrets } from './0008-session-secrets.ts';
import { sql as passingCounts } from './0009-passing-counts.ts';
import { sql as roomToChange } from './0010-room-to-change.ts';

export const migrations: readonly ((dialect: Dialect) => string)[] = [
  start,
  mints,
  writers,
  auditChain,
  limits,
  users,
  reveal,
  sessionSecrets,
  passingCounts,
  roomToChange,
];
