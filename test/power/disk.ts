/**
 * What a disk may hold after a power cut: what was synced, and of the rest anything. A file is there for certain once its
 * directory was synced; creations and removals reach the disk in their order.
 */
import type { Entry } from './recorder.ts';

/** Names and contents. */
export type Files = ReadonlyMap<string, Buffer>;

type Change = Extract<Entry, { kind: 'write' | 'truncate' }>;
type Move = Extract<Entry, { kind: 'create' | 'unlink' | 'rename' | 'link' }>;

interface Content {
  synced: Buffer;
  /** What has been done to it since, in order. */
  pending: Change[];
}

/** What becomes of the changes that were not synced. */
export interface Fate {
  /** How many of the pending moves reach the disk. */
  moves(pending: number): number;
  /** How much of a pending write does: whole, none of it, or some of its sectors. `n` counts the pending ones of all files in order. */
  change(change: Change, n: number): readonly Change[];
}

export const nothing: Fate = { moves: () => 0, change: () => [] };
export const everything: Fate = { moves: (pending) => pending, change: (change) => [change] };

/** The first `count` changes of all that are pending, and no other. */
export function firstOnly(count: number): Fate {
  return { moves: (pending) => pending, change: (change, n) => (n < count ? [change] : []) };
}

/** Some sectors of some writes: each with a chance of its own in each fate. */
export function torn(sector: number, random: () => number): Fate {
  const chance = [0.1, 0.5, 0.9][Math.floor(random() * 3)] ?? 0.5;
  return {
    moves: (pending) => Math.floor(random() * (pending + 1)),
    change(change) {
      if (change.kind === 'truncate') return random() < chance ? [change] : [];
      const { offset, bytes } = change;
      const kept: Change[] = [];
      for (let at = 0; at < bytes.length; ) {
        const end = Math.min(bytes.length, at + sector - ((offset + at) % sector));
        if (random() < chance) kept.push({ ...change, offset: offset + at, bytes: bytes.subarray(at, end) });
        at = end;
      }
      return kept;
    },
  };
}

export class Disk {
  readonly #now = new Map<string, Content>();
  /** The directory as it is for certain, and what has been done to it since. */
  #synced = new Map<string, Content>();
  #moves: { readonly entry: Move; readonly content: Content | undefined }[] = [];
  #order: Change[] = [];

  /** How many changes are not synced. */
  get pending(): number {
    return this.#order.length;
  }

  apply(entry: Entry): void {
    switch (entry.kind) {
      case 'write':
      case 'truncate':
        this.#content(entry.file).pending.push(entry);
        this.#order.push(entry);
        break;
      case 'sync':
        if (entry.file === '') this.#syncDirectory();
        else this.#sync(this.#content(entry.file));
        break;
      case 'create':
        if (this.#now.has(entry.file)) break;
        this.#now.set(entry.file, { synced: Buffer.alloc(0), pending: [] });
        this.#moves.push({ entry, content: this.#now.get(entry.file) });
        break;
      case 'unlink':
      case 'rename':
      case 'link': {
        const content = this.#now.get(entry.file);
        move(this.#now, entry, content);
        this.#moves.push({ entry, content });
      }
    }
  }

  /** The files after a cut now. */
  cut(fate: Fate): Files {
    const directory = new Map(this.#synced);
    for (const { entry, content } of this.#moves.slice(0, fate.moves(this.#moves.length))) {
      move(directory, entry, content);
    }
    const kept = new Map(this.#order.map((change, n) => [change, fate.change(change, n)]));
    return new Map(
      [...directory].map(([name, { synced, pending }]) => [
        name,
        changed(
          synced,
          pending.flatMap((change) => kept.get(change) ?? []),
        ),
      ]),
    );
  }

  #content(file: string): Content {
    const content = this.#now.get(file);
    if (!content) throw new Error(`${file} was changed and never made`);
    return content;
  }

  #sync(content: Content): void {
    const done = new Set(content.pending);
    content.synced = changed(content.synced, content.pending);
    content.pending = [];
    this.#order = this.#order.filter((change) => !done.has(change));
  }

  #syncDirectory(): void {
    this.#synced = new Map(this.#now);
    this.#moves = [];
  }
}

function move(directory: Map<string, Content>, entry: Move, content: Content | undefined): void {
  if (entry.kind === 'rename' || entry.kind === 'unlink') directory.delete(entry.file);
  if (entry.kind === 'unlink' || !content) return;
  directory.set(entry.kind === 'create' ? entry.file : entry.to, content);
}

/** A content after changes, in order; what was never written is zeros. */
function changed(before: Buffer, changes: readonly Change[]): Buffer {
  if (changes.length === 0) return before;
  const ends = changes.map((change) =>
    change.kind === 'write' ? change.offset + change.bytes.length : change.length,
  );
  const after = Buffer.alloc(Math.max(before.length, ...ends));
  before.copy(after);
  let length = before.length;
  for (const [n, change] of changes.entries()) {
    const end = ends[n] ?? 0;
    if (change.kind === 'write') change.bytes.copy(after, change.offset);
    else after.fill(0, end);
    length = change.kind === 'write' ? Math.max(length, end) : end;
  }
  return after.subarray(0, length);
}

/** What may be on the disk after the entry with that index: at the least, at the most, and between. */
export function* cuts(entries: readonly Entry[]): Generator<[at: number, files: Files]> {
  const disk = new Disk();
  for (const [at, entry] of entries.entries()) {
    disk.apply(entry);
    const halves = [torn(512, Math.random), torn(512, Math.random)];
    for (const fate of [nothing, everything, ...halves]) yield [at, disk.cut(fate)];
  }
}

/** A file that has been there for long. */
export function wasThere(file: string, content: string | Buffer): Entry[] {
  return [
    { kind: 'create', file },
    { kind: 'write', file, offset: 0, bytes: Buffer.from(content as Buffer) },
    { kind: 'sync', file },
    { kind: 'sync', file: '' },
  ];
}
