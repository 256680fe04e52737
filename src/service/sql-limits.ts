/** What has been taken of limits: one row a bucket, changed by whoever knows how it stands. */
import { KeysError } from '../errors.ts';
import { type CountRow, type KeptTake, nothingTaken, type Taken } from './rate.ts';
import { type Database, get, run, type Work } from './sql.ts';
import type { LimitStore } from './store.ts';

/** How often somebody else may be first. */
const attempts = 50;

export function limitStore({ shared, single }: Database): LimitStore {
  return {
    shared,

    changeTaken: (bucket, now, believed, decide) => single(() => change(bucket, now, believed, decide)),

    sweepTaken: (before) =>
      single(function* () {
        yield* run('DELETE FROM rate_limits WHERE changed_at < ?', before);
      }),
  };
}

function* change(
  bucket: string,
  now: number,
  believed: CountRow | null,
  decide: (before: Taken) => KeptTake,
): Work<{ take: KeptTake; row: CountRow }> {
  for (let attempt = 1; attempt <= attempts; attempt++) {
    const isBelieved = attempt === 1 && believed !== null;
    const row = isBelieved ? believed : yield* find(bucket);
    const take = decide(JSON.parse(row.taken) as Taken);
    if (take.granted > 0 || take.moved) {
      const next = { taken: JSON.stringify(take.taken), version: Math.max(now, row.version + 1) };
      if (yield* replace(bucket, row, next, now)) return { take, row: next };
    } else if (!isBelieved) return { take, row };
  }
  throw new KeysError('unavailable', 'the count of requests is asked for by too many at once');
}

function* find(bucket: string): Work<CountRow> {
  const row = yield* get('SELECT taken, version FROM rate_limits WHERE bucket = ?', bucket);
  return row ? { taken: row.taken as string, version: row.version as number } : nothingTaken;
}

/** Whether it stood as was thought, or was not there any more. Versions rise with time, so that a row which has gone and come again is another one. */
function* replace(bucket: string, row: CountRow, next: CountRow, now: number): Work<boolean> {
  const changed = yield* run(
    `INSERT INTO rate_limits (bucket, taken, version, changed_at) VALUES (?, ?, ?, ?)
     ON CONFLICT (bucket) DO UPDATE
     SET taken = excluded.taken, version = excluded.version, changed_at = excluded.changed_at
     WHERE rate_limits.version = ?`,
    ...[bucket, next.taken, next.version, now, row.version],
  );
  return changed === 1;
}
