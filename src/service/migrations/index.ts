/** The steps of the database, in order; the number of a step is its place. Steps are added, never changed. */
import { sql as start } from './0001-start.ts';
import { sql as mints } from './0002-mints.ts';

export const migrations: readonly string[] = [start, mints];
