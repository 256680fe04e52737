import { setTimeout as sleep } from 'node:timers/promises';
import type { App } from '../../src/app.ts';
import { type Audit, type AuditEntry, type AuditFilter, allEntries } from '../../src/audit.ts';
import { type ErrorCode, KeysError } from '../../src/errors.ts';
import { readerMayLeave } from '../../src/io.ts';
import { auditLog, pageSize } from './log.ts';
import { auditNoun } from './noun.ts';

export interface ShowOptions extends AuditFilter {
  limit?: number;
  oldestFirst?: boolean;
  follow?: boolean;
}

/** What a person sees who did not say how much. */
const screenful = 100;
const beforeFollowing = 10;
const pollMs = 1_000;

export async function show(app: App, options: ShowOptions): Promise<void> {
  const { since, until, actor, key, action, outcome, oldestFirst, follow } = options;
  const filter: AuditFilter = { since, until, actor, key, action, outcome };
  const audit = await auditLog(app);
  if (follow) return followLog(app, audit, filter, options);
  const forPerson = app.printer.format === 'table' && since === undefined && until === undefined;
  const limit = options.limit ?? (forPerson ? screenful : Number.POSITIVE_INFINITY);
  let more = false;
  await readerMayLeave(app.printer.rows(auditNoun, rows()));
  if (more && options.limit === undefined) {
    await app.note(`there are more than these ${screenful} rows: --limit <n>, or --since <when>`);
  }

  async function* rows(): AsyncGenerator<AuditEntry[]> {
    let left = limit;
    const order = oldestFirst ? 'oldest' : 'newest';
    for await (const page of allEntries(audit, {
      ...filter,
      order,
      pageSize: Math.min(limit + 1, pageSize),
    })) {
      app.signal.throwIfAborted();
      more = page.length > left;
      yield page.slice(0, left);
      left -= page.length;
      if (left < 0) return;
    }
  }
}

async function followLog(
  app: App,
  audit: Audit,
  filter: AuditFilter,
  { limit = beforeFollowing, oldestFirst }: ShowOptions,
): Promise<void> {
  if (filter.until !== undefined || oldestFirst) {
    throw new KeysError('invalid', '--follow goes on with new rows; leave out --until and --oldest-first');
  }
  await readerMayLeave(app.printer.rows(auditNoun, rows(), { endless: true }));

  async function* rows(): AsyncGenerator<AuditEntry[]> {
    let { seq: after } = await audit.head();
    yield await before(after);
    let away = false;
    for (;;) {
      await sleep(pollMs, undefined, { signal: app.signal }).catch(() => app.signal.throwIfAborted());
      try {
        // Asked first, so that what comes meanwhile is in the next round.
        const { seq: upTo } = await audit.head();
        if (upTo < after) throw shorter(after, upTo);
        for await (const page of allEntries(audit, { ...filter, order: 'oldest', after, pageSize })) {
          after = Math.max(after, ...page.map(({ seq }) => seq));
          yield page;
        }
        after = Math.max(after, upTo);
        if (away) await app.note('the service is back');
        away = false;
      } catch (error) {
        if (!isPassing(error)) throw error;
        if (!away) await app.note(`${error.message}; going on when the service is back`);
        away = true;
      }
    }
  }

  /** The last rows before following begins, the oldest of them first. */
  async function before(last: number): Promise<AuditEntry[]> {
    const wanted: AuditEntry[] = [];
    const most = filter.since === undefined ? limit : Number.POSITIVE_INFINITY;
    for await (const page of allEntries(audit, {
      ...filter,
      order: 'newest',
      pageSize: Math.min(most, pageSize),
    })) {
      app.signal.throwIfAborted();
      wanted.push(...page.filter(({ seq }) => seq <= last).slice(0, most - wanted.length));
      if (wanted.length >= most) break;
    }
    return wanted.reverse();
  }
}

/** A service that is restarted or limits its callers, or whose answers are cut on their way, will answer again; no row is lost meanwhile. */
function isPassing(error: unknown): error is KeysError {
  return error instanceof KeysError && passing.has(error.code);
}

const passing: ReadonlySet<ErrorCode> = new Set(['unavailable', 'timeout', 'rate_limited', 'bad_response']);

function shorter(before: number, now: number): KeysError {
  return new KeysError('check_failed', `the log had ${before} rows, and has ${now}`, {
    hint: 'a backup was restored, or rows were cut off: keys audit --check',
  });
}
