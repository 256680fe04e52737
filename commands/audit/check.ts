/** The chain is recomputed here, row by row: the service is not asked whether its log is whole. */
import type { App } from '../../src/app.ts';
import { type Audit, type AuditEntry, allEntries } from '../../src/audit.ts';
import { type ChainReport, checkChain } from '../../src/audit-chain.ts';
import { KeysError } from '../../src/errors.ts';
import { count } from '../../src/text.ts';
import { readCheckpoints } from './checkpoints.ts';
import { auditLog, pageSize } from './log.ts';

export async function check(app: App, checkpointFile: string | undefined): Promise<void> {
  const checkpoints = checkpointFile === undefined ? [] : await readCheckpoints(app, checkpointFile);
  const audit = await auditLog(app);
  const { rows, last, broken } = await checkChain(allRows(app, audit), {
    head: () => audit.head(),
    after: (seq) => allRows(app, audit, seq),
    checkpoints,
  });
  const result = { ok: broken === null, rows, head: last, checkpoints: checkpoints.length, broken };
  const agree =
    checkpoints.length > 0 ? `, in agreement with ${count(checkpoints.length, 'checkpoint')}` : '';
  if (broken === null || app.printer.structured) {
    await app.printer.value(result, () => `${count(rows, 'row')}, none of them changed${agree}\n`);
  }
  requireWhole(broken);
}

export async function* allRows(app: App, audit: Audit, after = 0): AsyncGenerator<AuditEntry[]> {
  for await (const page of allEntries(audit, { order: 'oldest', after, pageSize })) {
    app.signal.throwIfAborted();
    yield page;
  }
}

/** Throws `check_failed`. */
export function requireWhole(broken: ChainReport['broken']): void {
  if (!broken) return;
  throw new KeysError('check_failed', `the audit log is broken at row ${broken.seq}: ${broken.problem}`, {
    hint: 'compare it with an export or a backup from before: docs/audit.md',
  });
}
