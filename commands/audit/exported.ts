/** Rows of the audit log from a file that `keys audit export` has printed. */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import * as z from 'zod/mini';
import type { AuditEntry } from '../../src/audit.ts';
import { codeOf, KeysError } from '../../src/errors.ts';

const row = z.looseObject({ seq: z.number(), hash: z.string() });

/** Throws `invalid` for a file that cannot be read or holds anything else. */
export async function* exportedRows(file: string): AsyncGenerator<AuditEntry[]> {
  let line = 0;
  try {
    for await (const text of createInterface({ input: createReadStream(file) })) {
      line += 1;
      yield [row.parse(JSON.parse(text)) as unknown as AuditEntry];
    }
  } catch (cause) {
    const code = codeOf(cause);
    const message = code
      ? `cannot read ${file}: ${code}`
      : `line ${line} of ${file} is no row of an audit log`;
    throw new KeysError('invalid', message, { cause, hint: 'keys audit export prints them' });
  }
}
