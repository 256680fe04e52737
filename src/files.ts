/** Files that hold what must not be lost or read by others. */
import { constants } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { codeOf } from './errors.ts';
import { nodeCrypto } from './node-crypto.ts';

/**
 * Replaces a file as a whole: whoever reads it, also after a crash or a power cut, finds the old text or the new one.
 * A link at `path` is replaced, not followed. Throws the system's error; then the old file is as it was.
 */
export async function writeAtomically(path: string, data: string | Uint8Array, mode = 0o600): Promise<void> {
  const directory = dirname(path);
  const temporary = join(directory, `.${basename(path)}.${nodeCrypto().randomBytes(6).toString('hex')}.tmp`);
  const file = await open(temporary, 'wx', mode);
  try {
    try {
      await file.writeFile(data);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncDirectory(directory);
}

/** Removes a file for good; true when there was one. */
export async function removeDurably(path: string): Promise<boolean> {
  try {
    await rm(path);
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
  await syncDirectory(dirname(path));
  return true;
}

export interface ReadOptions {
  readonly signal?: AbortSignal;
  readonly longestBytes?: number;
}

const chunkBytes = 65_536;

/**
 * The text of a file, a pipe or a device that should be small. Throws the system's error, one when it is not, and the signal's reason.
 * Never waits in the kernel: a thread that does, for the writer of a pipe, cannot be ended, and neither can its process.
 */
export async function readSmallFile(
  path: string,
  { signal, longestBytes = 65_536 }: ReadOptions = {},
): Promise<string> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    // A named pipe has an end before anybody has opened it for writing; the pipe of `<(command)` only after its command.
    const waitsForWriter = (await lstat(path)).isFIFO();
    const chunks: Buffer[] = [];
    let size = 0;
    for (;;) {
      signal?.throwIfAborted();
      const chunk = await readNow(file);
      if (chunk?.length === 0 && (size > 0 || !waitsForWriter)) return Buffer.concat(chunks).toString('utf8');
      if (!chunk?.length) {
        await sleep(pauseMs);
        continue;
      }
      chunks.push(chunk);
      size += chunk.length;
      if (size > longestBytes) throw new Error(`it is larger than ${longestBytes} bytes`);
    }
  } finally {
    await file.close();
  }
}

const pauseMs = 5;

/** What there is; empty at the end, `null` where more may come. */
async function readNow(file: FileHandle): Promise<Buffer | null> {
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(chunkBytes), 0, chunkBytes, null);
    return buffer.subarray(0, bytesRead);
  } catch (error) {
    if (codeOf(error) === 'EAGAIN') return null;
    throw error;
  }
}

/** Makes a directory, and those above it, durably, that only its owner may enter. One that is there stays as it is. */
export async function makePrivateDirectory(path: string): Promise<void> {
  const highest = await mkdir(path, { recursive: true, mode: 0o700 });
  if (highest === undefined) return;
  for (let made = resolve(path); ; made = dirname(made)) {
    await syncDirectory(dirname(made)).catch((error: unknown) => {
      // Where others have made a directory that may be written and not listed, it is theirs to sync.
      if (codeOf(error) !== 'EACCES') throw error;
    });
    if (made === resolve(highest) || made === dirname(made)) return;
  }
}

/** Whether an error says that a file is not there. */
export function isMissing(error: unknown): boolean {
  return codeOf(error) === 'ENOENT';
}

/** Makes names in a directory as durable as the files they name. */
export async function syncDirectory(path: string): Promise<void> {
  // Windows cannot open a directory; there, a rename is as durable as the file system makes it.
  if (process.platform === 'win32') return;
  let directory: FileHandle | undefined;
  try {
    directory = await open(path, 'r');
    await directory.sync();
  } finally {
    await directory?.close();
  }
}
