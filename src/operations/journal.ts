/**
 * The journal: one file an operation, in the state directory. It holds what is needed to finish or undo a create, regenerate
 * or rotate after a crash at any instant, and no secret. A file is written before the mint and removed last.
 */
import { randomBytes } from 'node:crypto';
import { constants, existsSync } from 'node:fs';
import { open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf, KeysError } from '../errors.ts';
import { isMissing, makePrivateDirectory, removeDurably, writeAtomically } from '../files.ts';
import { withLock } from '../lock.ts';
import { type Operation, unbegun } from './operation.ts';

/** An operation whose lock this process holds. */
export interface HeldOperation {
  readonly operation: Operation;
  /** Changes the operation on disk, durably, before it resolves. */
  save(changes: Partial<Operation>): Promise<void>;
  /** Removes the operation: nothing is left to do. */
  finish(): Promise<void>;
}

/** What an operation begins with; the journal adds its id, its idempotency key and that nothing has happened yet. */
export type Intent = Omit<
  Operation,
  'schema' | 'id' | 'idempotencyKey' | 'minted' | 'attempted' | 'delivered' | 'state'
>;

export interface Journal {
  /** Writes the intent, then does the work; what is not finished then stays for `keys recover`. */
  begin<T>(intent: Intent, work: (held: HeldOperation) => Promise<T>): Promise<T>;
  /** Takes an operation up again. Throws `not_found`, `invalid` for a file that cannot be read, and `conflict` while another process works on it. */
  resume<T>(id: string, work: (held: HeldOperation) => Promise<T>): Promise<T>;
  /** Resolves when nobody works on an operation any more, or after ten seconds. */
  settled(id: string): Promise<void>;
  /** Every operation, oldest first, and the files that cannot be read as one. */
  list(): Promise<{ operations: Operation[]; damaged: string[] }>;
}

export function newIdempotencyKey(): string {
  return randomBytes(24).toString('base64url');
}

/** As long as the service keeps a secret that it can give again. */
const unprovenMs = 15 * 60_000;

export function openJournal(stateDirectory: string, signal: AbortSignal, now = Date.now): Journal {
  const directory = join(stateDirectory, 'operations');
  const fileOf = (id: string) => join(directory, `${id}.json`);

  /** `read` gives the operation as it stands once the lock is held. */
  async function locked<T>(
    id: string,
    read: () => Promise<Operation>,
    work: (held: HeldOperation) => Promise<T>,
  ): Promise<T> {
    const lock = join(directory, `${id}.lock`);
    let begun = false;
    const run = async () => {
      begun = true;
      const operation = await read();
      return work({
        operation,
        async save(changes) {
          const since = changes.state === 'unproven' ? { unprovenSince: new Date(now()).toISOString() } : {};
          const changed = { ...operation, ...changes, ...since };
          await writeAtomically(fileOf(id), `${JSON.stringify(changed, null, 2)}\n`);
          Object.assign(operation, changed);
        },
        async finish() {
          await removeDurably(fileOf(id));
          await rm(lock, { force: true });
        },
      });
    };
    try {
      return await withLock(lock, { signal, waitMs: 0 }, run);
    } catch (error) {
      if (begun) throw error;
      if (!(error instanceof KeysError)) throw cannot('write', error);
      if (error.code !== 'unavailable') throw error;
      throw new KeysError('conflict', `another keys command is at work on ${id}`, {
        hint: 'wait for it to end, then look again: keys recover',
        cause: error,
      });
    }
  }

  /** Nothing has been asked of the service then. */
  function cannot(verb: 'read' | 'write', cause: unknown): KeysError {
    const isFull = ['ENOSPC', 'EDQUOT'].includes(codeOf(cause));
    const message = `cannot ${verb} the journal in ${directory}: ${(cause as Error).message}`;
    return new KeysError(isFull ? 'unavailable' : 'invalid', message, {
      hint: isFull
        ? 'make room, or name another directory in KEYS_STATE_DIR'
        : 'make it a directory of your own, or name another one in KEYS_STATE_DIR',
      cause,
    });
  }

  async function readAll(): Promise<{ operations: Operation[]; damaged: string[] }> {
    const names = await readdir(directory).catch((error: unknown) => {
      if (isMissing(error)) return [];
      throw cannot('read', error);
    });
    const found = { operations: [] as Operation[], damaged: [] as string[] };
    for (const name of names.filter(
      (name) => isOperationId(name.replace(/\.json$/, '')) && name.endsWith('.json'),
    )) {
      const file = join(directory, name);
      const operation = await readOperation(file).catch(() => found.damaged.push(file) && null);
      if (!operation) continue;
      // Under another name nobody would find it again.
      if (fileOf(operation.id) === file) found.operations.push(operation);
      else found.damaged.push(file);
    }
    found.operations.sort((a, b) => a.startedAt.localeCompare(b.startedAt));
    return found;
  }

  function isOver({ state, unprovenSince, startedAt }: Operation): boolean {
    return state === 'unproven' && now() - Date.parse(unprovenSince ?? startedAt) > unprovenMs;
  }

  /** Every operation, after those are gone whose secret cannot be had again anyway. */
  async function swept(): Promise<{ operations: Operation[]; damaged: string[] }> {
    const found = await readAll();
    for (const { id } of found.operations.filter(isOver)) {
      // Looked at again under its lock; one that somebody works on stays.
      const work = async (held: HeldOperation) => (isOver(held.operation) ? held.finish() : undefined);
      const again = async () =>
        (await readOperation(fileOf(id))) ?? Promise.reject(new Error('swept already'));
      await locked(id, again, work).catch(() => {});
    }
    return { ...found, operations: found.operations.filter((operation) => !isOver(operation)) };
  }

  return {
    async begin(intent, work) {
      await makePrivateDirectory(directory).catch((error: unknown) => {
        throw cannot('write', error);
      });
      await swept();
      const id = `op_${randomBytes(8).toString('hex')}`;
      const operation: Operation = {
        schema: 1,
        id,
        idempotencyKey: newIdempotencyKey(),
        ...intent,
        ...unbegun(),
      };
      return locked(
        id,
        async () => operation,
        async (held) => {
          await held.save({}).catch(async (error: unknown) => {
            // It may be there all the same, and nothing is to be recovered.
            await rm(fileOf(id), { force: true }).catch(() => {});
            throw cannot('write', error);
          });
          return work(held);
        },
      );
    },
    async resume(id, work) {
      const missing = new KeysError('not_found', `there is no unfinished operation '${id}'`, {
        hint: 'keys recover lists them',
      });
      if (!isOperationId(id) || !existsSync(fileOf(id))) throw missing;
      return locked(id, async () => (await readOperation(fileOf(id))) ?? Promise.reject(missing), work);
    },
    async settled(id) {
      const lock = join(directory, `${id}.lock`);
      const removeUnused = async () => {
        if (!existsSync(fileOf(id))) await rm(lock, { force: true });
      };
      await withLock(lock, { signal, waitMs: 10_000 }, removeUnused).catch(() => signal.throwIfAborted());
    },
    list: swept,
  };
}

function isOperationId(text: string): boolean {
  return /^op_[0-9a-f]{16}$/.test(text);
}

async function readOperation(file: string): Promise<Operation | null> {
  let text: string;
  try {
    text = await readOwn(file);
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
  const { parseOperation } = await import('./operation-schema.ts');
  return parseOperation(text, file);
}

/** What stands in the journal is done: files are written, commands are run. So it has to be of this user, or of root. */
async function readOwn(path: string): Promise<string> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stat = await file.stat();
    const isOurs = !process.geteuid || stat.uid === 0 || stat.uid === process.geteuid();
    if (!stat.isFile() || !isOurs) throw new Error('it is no plain file of this user');
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}
