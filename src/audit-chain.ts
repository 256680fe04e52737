/**
 * The chain that holds an audit log together: each row's hash is made of the row and of the hash before it, so that a row
 * cannot change, go, come or move without every hash after it.
 */
import type { AuditEntry, AuditHead } from './audit.ts';
import { canonicalJson } from './canonical-json.ts';
import { nodeCrypto } from './node-crypto.ts';

/** What stands before the first row. */
export const chainStart: AuditHead = { seq: 0, hash: '0'.repeat(64) };

/** SHA-256, in hexadecimal, of the hash before, a line break, and the row without its own hash as canonical JSON. */
export function linkHash(before: string, row: Omit<AuditEntry, 'hash'> & { hash?: string }): string {
  const { hash: _, ...content } = row;
  return nodeCrypto().hash('sha256', `${before}\n${canonicalJson(content)}`);
}

/** Where a chain breaks, and how. */
export interface ChainBreak {
  readonly seq: number;
  readonly problem: string;
}

export interface ChainReport {
  /** How many rows were read. */
  readonly rows: number;
  /** The last of them. */
  readonly last: AuditHead;
  /** `null`: every row is what was written, as far as the heads that it was held against tell. */
  readonly broken: ChainBreak | null;
}

/** What a log must agree with besides itself. */
export interface ChainWitnesses {
  /** Asked when the rows have been read: what the service holds for the last row. */
  head(): Promise<AuditHead>;
  /** Rows that came while the others were read. */
  after(seq: number): AsyncIterable<readonly AuditEntry[]>;
  /** Heads that were kept elsewhere. */
  readonly checkpoints: readonly AuditHead[];
}

/** Reads a log from its first row to its last and says at which row it breaks first. */
export async function checkChain(
  pages: AsyncIterable<readonly AuditEntry[]>,
  { head, after, checkpoints }: ChainWitnesses,
): Promise<ChainReport> {
  const known = new Map<number, string[]>();
  for (const { seq, hash } of checkpoints) known.set(seq, [...(known.get(seq) ?? []), hash]);
  let last = chainStart;

  async function read(rows: AsyncIterable<readonly AuditEntry[]>): Promise<ChainBreak | null> {
    for await (const page of rows) {
      for (const entry of page) {
        const broken = breakAt(last, entry, known);
        if (broken) return broken;
        last = { seq: entry.seq, hash: entry.hash };
      }
    }
    return null;
  }

  async function readAll(): Promise<ChainBreak | null> {
    const broken = await read(pages);
    if (broken) return broken;
    const end = await head();
    if (end.seq < last.seq)
      return { seq: last.seq, problem: `the log's head says that row ${end.seq} is the last` };
    known.set(end.seq, [...(known.get(end.seq) ?? []), end.hash]);
    if (end.seq === last.seq && end.hash !== last.hash) {
      return { seq: end.seq, problem: "it is not the row that the log's head names" };
    }
    return (await read(after(last.seq))) ?? missingEnd(last, [end, ...checkpoints]);
  }

  const broken = await readAll();
  return { rows: last.seq, last, broken };
}

function breakAt(
  last: AuditHead,
  entry: AuditEntry,
  known: ReadonlyMap<number, readonly string[]>,
): ChainBreak | null {
  const seq = last.seq + 1;
  if (entry.seq > seq) return { seq, problem: `it is missing; row ${entry.seq} follows` };
  if (entry.seq < seq) return { seq, problem: `row ${entry.seq} stands in its place` };
  if (linkHash(last.hash, entry) !== entry.hash) return { seq, problem: 'it is not what was written' };
  if (known.get(seq)?.some((hash) => hash !== entry.hash)) {
    return { seq, problem: 'it, or a row before it, is not what was written when a head was taken there' };
  }
  return null;
}

function missingEnd(last: AuditHead, heads: readonly AuditHead[]): ChainBreak | null {
  const longest = Math.max(...heads.map(({ seq }) => seq));
  if (longest <= last.seq) return null;
  return { seq: last.seq + 1, problem: `the rows from here to ${longest} have been cut off` };
}
