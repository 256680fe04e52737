/** A database file of its own for the running test, removed after it. */
import { join } from 'node:path';
import { temporaryDirectory } from './temporary.ts';

export function newDatabasePath(): string {
  return join(temporaryDirectory(), 'data', 'keys.db');
}
