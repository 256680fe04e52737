/** What has been taken of limits: one row a bucket, changed by whoever finds it as it was read. */
import { KeysError } from '../errors.ts';
import type { KeptTake, Taken } from './rate.ts';
import { type Database, get, run, type Work } from './sql.ts';
import type { LimitStore } from './store.ts';

/** How often somebody else may be first. */
const attempts = 50;

export function limitStore({ shared, single }: Database): LimitStore {
  return {
    shared,

    changeTaken: (bucket, now, decide) => single(() => change(bucket, now, decide)),

    sweepTaken: (before) =>
      single(function* () {
        yield* run('DELETE FROM rate_limits WHERE changed_at < ?', before);
      }),
  };
}

function* change(bucket: string, now: number, decide: (before: Taken) => KeptTake): Work<KeptTake> {
  for (let attempt = 1; attempt <= attempts; attempt++) {
    const row = yield* get('SELECT taken, version FROM rate_limits WHERE bucket = ?', bucket);
    const decided = decide(row ? (JSON.parse(row.taken as string) as Taken) : []);
    if (decided.granted === 0 && !decided.moved) return decided;
    const taken = JSON.stringify(decided.taken);
    const changed = row
      ? yield* run(
          'UPDATE rate_limits SET taken = ?, version = version + 1, changed_at = ? WHERE bucket = ? AND version = ?',
          ...[taken, now, bucket, row.version as number],
        )
      : yield* run(
          'INSERT INTO rate_limits (bucket, taken, version, changed_at) VALUES (?, ?, 1, ?) ON CONFLICT DO NOTHING',
          ...[bucket, taken, now],
        );
    if (changed === 1) return decided;
  }
  throw new KeysError('unavailable', 'the count of requests is asked for by too many at once');
}
