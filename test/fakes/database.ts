/** A database file of its own for the running test, removed after it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

export function newDatabasePath(): string {
  const directory = mkdtempSync(join(tmpdir(), 'keys-db-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return join(directory, 'data', 'keys.db');
}
