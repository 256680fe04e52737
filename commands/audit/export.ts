import type { Command } from 'commander';
import type { App } from '../../src/app.ts';
import type { AuditEntry } from '../../src/audit.ts';
import { checkChain } from '../../src/audit-chain.ts';
import { KeysError } from '../../src/errors.ts';
import { toJson } from '../../src/output.ts';
import { count } from '../../src/text.ts';
import { addExamples } from '../options.ts';
import { allRows, requireWhole } from './check.ts';
import { auditLog } from './log.ts';

export function declare(command: Command, app: App): void {
  command.action(() => exportLog(app));
  addExamples(command, ['keys audit export']);
}

/** Every row as it is checked: an export that exits 0 is whole. */
export async function exportLog(app: App): Promise<void> {
  const { options, printer } = app;
  if (
    options.query !== undefined ||
    (options.output && options.output !== 'ndjson' && !options.outputFromEnvironment)
  ) {
    throw new KeysError('invalid', 'an export is all rows, one JSON object a line', {
      hint: 'keys audit -o csv prints them otherwise',
    });
  }
  const audit = await auditLog(app);

  async function* printed(pages: AsyncIterable<AuditEntry[]>): AsyncGenerator<AuditEntry[]> {
    for await (const page of pages) {
      if (page.length > 0) await printer.text(page.map((row) => `${toJson(row)}\n`).join(''));
      yield page;
    }
  }

  const { rows, last, broken } = await checkChain(printed(allRows(app, audit)), {
    head: () => audit.head(),
    after: (seq) => printed(allRows(app, audit, seq)),
    checkpoints: [],
  });
  requireWhole(broken);
  await app.note(`${count(rows, 'row')} exported; the hash of the last is ${last.hash}`);
}
