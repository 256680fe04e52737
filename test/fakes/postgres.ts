/** A real PostgreSQL for the tests of one file. */
import { afterAll } from 'vitest';
import { type Postgres, runPostgres } from './postgres-server.ts';

export { lacksPostgres, type Postgres } from './postgres-server.ts';

/** No test here cuts the power. */
export async function startPostgres(): Promise<Postgres> {
  const postgres = await runPostgres({ durable: false });
  afterAll(() => postgres.remove());
  return postgres;
}
