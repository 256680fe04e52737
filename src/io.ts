/** The process's streams as values. Nothing else in the program touches `process.stdout` and its like. */
import { constants, fstatSync, fsync, openSync, statSync, write as writeFd } from 'node:fs';
import { devNull } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { KeysError } from './errors.ts';

export interface Sink {
  readonly isTerminal: boolean;
  /** Whether what is written here vanishes: `/dev/null`, which is also what Node makes of a closed descriptor. */
  readonly isNull: boolean;
  /** Resolves when the system has taken every byte. Throws `WriteError`. */
  write(text: string): Promise<void>;
  /** Makes what was written durable. Only where that means something: a regular file, not a pipe or a terminal. */
  readonly sync?: () => Promise<void>;
}

export interface Source {
  readonly isTerminal: boolean;
  /** Everything up to the end of input. Throws `too_large` beyond `maxBytes`. */
  readAll(maxBytes?: number): Promise<string>;
}

export interface Io {
  readonly stdin: Source;
  readonly stdout: Sink;
  readonly stderr: Sink;
  /** Width of the terminal; 80 where there is none. */
  readonly columns: number;
}

/** How often a full pipe or terminal is tried again once the run has been interrupted: half a second. */
const turnMs = 5;
const patienceTurns = 100;

/** A write that the system refused: `ENOSPC`, `EPIPE` and the like. What was to be written is not there. */
export class WriteError extends Error {
  override readonly name = 'WriteError';
  readonly code: string;

  constructor(stream: string, cause: NodeJS.ErrnoException) {
    const reasons: Record<string, string> = {
      ENOSPC: 'no space left',
      EPIPE: 'its reader is gone',
      EIO: 'I/O error',
    };
    super(`cannot write to ${stream}: ${reasons[cause.code ?? ''] ?? cause.message}`, { cause });
    this.code = cause.code ?? 'UNKNOWN';
  }
}

/** Waits for printing; a reader of a pipe that has left does not change what the run has to say by its exit code. */
export async function readerMayLeave(printing: Promise<void>): Promise<void> {
  try {
    await printing;
  } catch (error) {
    if (!(error instanceof WriteError && error.code === 'EPIPE')) throw error;
  }
}

/**
 * Asynchronous, so that a stalled reader never keeps a signal from being handled; checked, because
 * `console.log` to a full disk or a closed pipe exits 0 and prints nothing.
 */
function sink(fd: 1 | 2, name: string, signal: AbortSignal): Sink {
  let turn: Promise<void> = Promise.resolve();
  let target: number | undefined;
  let patience = patienceTurns;

  async function writeAll(bytes: Buffer): Promise<void> {
    target ??= unblocked(fd);
    let offset = 0;
    while (offset < bytes.length) {
      try {
        offset += await writeOnce(target, bytes.subarray(offset));
      } catch (error) {
        const cause = error as NodeJS.ErrnoException;
        if (cause.code !== 'EAGAIN') throw new WriteError(name, cause);
        if (signal.aborted && patience-- <= 0) throw signal.reason;
        await sleep(turnMs);
      }
    }
  }

  return {
    get isTerminal() {
      return isTerminal(fd);
    },
    get isNull() {
      return isNullDevice(fd);
    },
    write(text) {
      const written = turn.then(() => writeAll(Buffer.from(text)));
      turn = written.catch(() => {});
      return written;
    },
    ...(isRegularFile(fd) ? { sync: () => syncFile(fd, name) } : {}),
  };
}

async function syncFile(fd: number, name: string): Promise<void> {
  await promisify(fsync)(fd).catch((error: NodeJS.ErrnoException) => {
    throw new WriteError(name, error);
  });
}

function isRegularFile(fd: number): boolean {
  try {
    return fstatSync(fd).isFile();
  } catch {
    return false;
  }
}

/**
 * The same pipe or terminal, opened anew so that a write never waits in the kernel: a thread that does cannot be ended, and
 * neither can its process. Not set on the descriptor itself, which is shared with whoever gave it.
 */
function unblocked(fd: number): number {
  try {
    const stat = fstatSync(fd);
    if (!stat.isFIFO() && !isTerminal(fd)) return fd;
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    return fd;
  }
}

function writeOnce(fd: number, bytes: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    writeFd(fd, bytes, (error, written) => (error ? reject(error) : resolve(written)));
  });
}

/** `node:tty` brings the network along, 5 ms that a run in a pipe does without. */
function isTerminal(fd: number): boolean {
  return fstatSync(fd).isCharacterDevice() && process.getBuiltinModule('node:tty').isatty(fd);
}

function isNullDevice(fd: number): boolean {
  try {
    const stat = fstatSync(fd);
    return stat.isCharacterDevice() && stat.rdev === statSync(devNull).rdev;
  } catch {
    return true;
  }
}

/** The streams of this process. Once `signal` is aborted, nothing waits for who feeds or reads them any longer. */
export function processIo(signal: AbortSignal): Io {
  return {
    stdin: {
      get isTerminal() {
        return isTerminal(0);
      },
      async readAll(maxBytes = 1_048_576) {
        const { addAbortSignal } = await import('node:stream');
        const chunks: Buffer[] = [];
        let size = 0;
        try {
          for await (const chunk of addAbortSignal(signal, process.stdin)) {
            chunks.push(chunk as Buffer);
            size += (chunk as Buffer).length;
            if (size > maxBytes)
              throw new KeysError('too_large', `more than ${maxBytes} bytes on standard input`);
          }
        } catch (error) {
          signal.throwIfAborted();
          throw error;
        }
        return Buffer.concat(chunks).toString('utf8');
      },
    },
    stdout: sink(1, 'standard output', signal),
    stderr: sink(2, 'standard error', signal),
    get columns() {
      return (isTerminal(1) && process.stdout.columns) || (isTerminal(2) && process.stderr.columns) || 80;
    },
  };
}
