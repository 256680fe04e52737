/** The chain is recomputed here, row by row: the service is not asked whether its log is whole. */
import type { App } from '../../src/app.ts';
import { type Audit, type AuditEntry, type AuditHead, allEntries } from '../../src/audit.ts';
import { type ChainReport, chainStart, checkChain } from '../../src/audit-chain.ts';
import { KeysError } from '../../src/errors.ts';
import { count } from '../../src/text.ts';
import { readCheckpoints } from './checkpoints.ts';
import { exportedRows } from './exported.ts';
import { auditLog, pageSize } from './log.ts';

export interface CheckOptions {
  check?: boolean;
  checkpoint?: string;
  from?: string;
}

export async function check(app: App, { checkpoint, from }: CheckOptions): Promise<void> {
  const checkpoints = checkpoint === undefined ? [] : await readCheckpoints(app, checkpoint);
  const report = from === undefined ? checkLog(app, checkpoints) : checkFile(app, from, checkpoints);
  const { rows, last, broken } = await report;
  const result = { ok: broken === null, rows, head: last, checkpoints: checkpoints.length, broken };
  const agree =
    checkpoints.length > 0 ? `, in agreement with ${count(checkpoints.length, 'checkpoint')}` : '';
  if (broken === null || app.printer.structured) {
    await app.printer.value(result, () => `${count(rows, 'row')}, none of them changed${agree}\n`);
  }
  requireWhole(broken);
}

async function checkLog(app: App, checkpoints: readonly AuditHead[]): Promise<ChainReport> {
  const audit = await auditLog(app);
  const after = (seq: number) => allRows(app, audit, seq);
  return checkChain(after(0), { head: () => audit.head(), after, checkpoints });
}

/** An export has no head beside its rows. */
async function checkFile(app: App, file: string, checkpoints: readonly AuditHead[]): Promise<ChainReport> {
  let last = chainStart;
  async function* rows(): AsyncGenerator<AuditEntry[]> {
    for await (const page of exportedRows(file)) {
      app.signal.throwIfAborted();
      last = page.at(-1) ?? last;
      yield page;
    }
  }
  async function* none(): AsyncGenerator<AuditEntry[]> {}
  return checkChain(rows(), { head: async () => last, after: none, checkpoints });
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
