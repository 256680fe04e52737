/** Heads of an audit log that were kept elsewhere: one JSON object, an array of them, or one a line. */
import { readFile } from 'node:fs/promises';
import * as z from 'zod/mini';
import type { App } from '../../src/app.ts';
import type { AuditHead } from '../../src/audit.ts';
import { KeysError } from '../../src/errors.ts';

const head = z.object({
  seq: z.number().check(z.int(), z.minimum(0)),
  hash: z.string().check(z.regex(/^[0-9a-f]{64}$/)),
});
const heads = z.union([
  z.array(head),
  z.pipe(
    head,
    z.transform((one) => [one]),
  ),
]);

/** Throws `invalid` for a file that cannot be read, or that holds anything else, or nothing. */
export async function readCheckpoints({ io }: App, file: string): Promise<AuditHead[]> {
  const text = file === '-' ? await io.stdin.readAll() : await contentOf(file);
  const where = file === '-' ? 'standard input' : file;
  const whole = parsed(text);
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const found = whole ? [whole] : lines.map(parsed);
  const wrong = found.indexOf(null);
  if (found.length > 0 && wrong < 0) return found.flatMap((each) => each ?? []);
  throw new KeysError('invalid', `${where} holds no checkpoint${wrong > 0 ? ` in line ${wrong + 1}` : ''}`, {
    hint: 'keys audit checkpoint prints one',
  });
}

function parsed(text: string): AuditHead[] | null {
  try {
    return heads.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}

async function contentOf(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new KeysError('invalid', `cannot read ${file}: ${cause.code ?? cause.message}`, { cause });
  });
}
