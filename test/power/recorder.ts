/** A record of what a process asked of its files and sent through its sockets, written by `recorder.c`. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Files by their names within the directory; a sync of `''` is one of the directory. */
export type Entry =
  | { readonly kind: 'write'; readonly file: string; readonly offset: number; readonly bytes: Buffer }
  | { readonly kind: 'truncate'; readonly file: string; readonly length: number }
  | { readonly kind: 'sync'; readonly file: string }
  | { readonly kind: 'create'; readonly file: string }
  | { readonly kind: 'unlink'; readonly file: string }
  | { readonly kind: 'rename' | 'link'; readonly file: string; readonly to: string }
  | { readonly kind: 'send'; readonly bytes: Buffer };

/** Why nothing can be recorded here; `null` when it can. CI has to. */
export const lacksCompiler =
  process.platform !== 'linux'
    ? 'LD_PRELOAD is of Linux'
    : spawnSync('cc', ['--version']).status !== 0 && !process.env.CI
      ? 'there is no C compiler: apt-get install gcc libc6-dev'
      : null;

export interface Recorder {
  /** What a process is to be started with. */
  readonly env: Readonly<Record<string, string>>;
  entries(): Entry[];
}

/** For what happens below `directory`, which is there already; `work` is a directory for the recorder's own files. */
export function buildRecorder(directory: string, work: string): Recorder {
  const library = join(work, 'recorder.so');
  const record = join(work, 'record');
  const source = fileURLToPath(new URL('recorder.c', import.meta.url));
  const flags = ['-shared', '-fPIC', '-O1', '-Wall', '-Werror', '-o', library, source, '-ldl', '-lpthread'];
  const { status, stderr } = spawnSync('cc', flags, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`cc failed: ${stderr}`);
  return {
    env: { LD_PRELOAD: library, KEYS_RECORD_FILE: record, KEYS_RECORD_DIRECTORY: directory },
    entries: () => parse(readFileSync(record), directory),
  };
}

const kinds = ['write', 'truncate', 'sync', 'create', 'unlink', 'rename', 'send', 'link'] as const;

/** Each entry is a header of 24 bytes: kind, length of the path, offset, length of the bytes; then path and bytes. */
function parse(record: Buffer, directory: string): Entry[] {
  const entries: Entry[] = [];
  for (let at = 0; at < record.length; ) {
    const kind = kinds[record.readUInt32LE(at) - 1];
    const start = at + 24;
    const middle = start + record.readUInt32LE(at + 4);
    const end = middle + Number(record.readBigUInt64LE(at + 16));
    const path = record.toString('utf8', start, middle);
    const bytes = record.subarray(middle, end);
    const offset = Number(record.readBigUInt64LE(at + 8));
    const file = path === directory ? '' : basename(path);
    if (kind === 'write') entries.push({ kind, file, offset, bytes });
    else if (kind === 'truncate') entries.push({ kind, file, length: offset });
    else if (kind === 'rename' || kind === 'link')
      entries.push({ kind, file, to: basename(bytes.toString()) });
    else if (kind === 'send') entries.push({ kind, bytes });
    else if (kind) entries.push({ kind, file });
    else throw new Error(`the record is damaged at ${at}`);
    at = end;
  }
  return entries;
}
