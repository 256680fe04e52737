import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { KeysError } from '../errors.ts';
import { withLock } from '../lock.ts';
import { type Reservation, removeLeftovers, reserve, syncFile } from '../reservation.ts';
import { Secret } from '../secret.ts';
import { getVariable, setVariable } from './dotenv.ts';
import { failing, fileError, invalidTarget } from './failure.ts';
import type { DestinationKind } from './index.ts';
import { absolutePath, type FoundFile, findFile, maxBytes, ownerToKeep } from './target-file.ts';

/** For the assignment, more than any secret is long. */
const room = 4_096;

export const envFile: DestinationKind = {
  name: 'env-file',
  syntax: 'env-file:PATH#NAME',
  summary: 'one variable in a dotenv file',
  example: 'keys rotate ci-deploy --to env-file:.env#DEPLOY_TOKEN',
  detail:
    'Sets NAME and keeps the rest of the file byte for byte; a file that is not there is made. Where NAME is assigned more than once, ' +
    'each assignment gets the new secret. The file is replaced whole, so a reader sees the old or the new one and nothing in between. ' +
    'A mode that lets others read it is tightened to 0600. Symbolic links, devices and directories are refused.',
  readable: true,
  open(target, { env, note, paths, redactor, resuming = false, signal }) {
    const hash = target.lastIndexOf('#');
    if (hash < 1) throw invalidTarget(envFile, 'env-file: needs a path and a variable');
    const name = target.slice(hash + 1);
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
      throw invalidTarget(
        envFile,
        `'${name}' is no name for a variable: letters, digits and _, no digit first`,
      );
    }
    const path = absolutePath(target.slice(0, hash), env);
    let reserved: { readonly found: FoundFile | null; readonly reservation: Reservation } | null = null;

    async function prepare(found: FoundFile | null): Promise<Reservation> {
      const mode = found && !isOpenToOthers(found) ? found.mode : 0o600;
      const bytes = (found?.content.length ?? 0) + room;
      return reserve(path, { bytes, mode, replace: found !== null, owner: ownerToKeep(found) });
    }

    async function requireUnchanged(found: FoundFile | null): Promise<void> {
      const now = await findFile(path);
      if (now?.version !== found?.version) throw new KeysError('changed', 'it is being changed all the time');
    }

    /** What preflight reserved, where it still fits the file. */
    async function reservationFor(found: FoundFile | null): Promise<Reservation> {
      const kept = reserved;
      reserved = null;
      if (kept && kept.found?.version === found?.version) return kept.reservation;
      await kept?.reservation.release();
      return prepare(found);
    }

    /** Ours alone among the runs of this user; what other programs do is seen by the file's version. */
    const lockPath = join(paths.state, 'locks', createHash('sha256').update(path).digest('hex').slice(0, 32));

    /** Where it cannot be had, the delivery would fail. */
    async function requireLock(): Promise<void> {
      await withLock(lockPath, { signal }, async () => {}).catch((error: unknown) => {
        throw fileError(error, lockPath);
      });
    }

    return {
      spec: `env-file:${path}#${name}`,
      readable: true,
      async preflight() {
        await requireLock();
        try {
          await removeLeftovers(path);
          const found = await findFile(path);
          // With the secret it must still be short enough to be read back.
          if (found && !resuming && found.content.length + room > maxBytes) {
            throw new KeysError('invalid', `${path} is too large for another variable`, {
              hint: 'use --to file:PATH',
            });
          }
          // A stand-in for the secret shows whether the file can be edited at all.
          edit(found, 'stand-in');
          if (found && isOpenToOthers(found)) {
            await note(`${path} can be read by others (mode ${found.mode.toString(8)}); it becomes 600`);
          }
          reserved ??= { found, reservation: await prepare(found) };
        } catch (error) {
          throw fileError(error, path);
        }
      },
      async deliver(secret) {
        await failing(path, () =>
          withLock(lockPath, { signal }, async () => {
            for (let attempt = 1; ; attempt += 1) {
              const found = await findFile(path);
              const content = edit(found, secret.reveal());
              if (found?.content.equals(content) && !isOpenToOthers(found)) return syncFile(path);
              const reservation = await reservationFor(found);
              try {
                return await reservation.commit(content, () => requireUnchanged(found));
              } catch (error) {
                // Somebody's editor has saved meanwhile: their change is not to be lost.
                if (!(error instanceof KeysError && error.code === 'changed') || attempt === 10) throw error;
              }
            }
          }),
        );
      },
      async readBack() {
        const found = await findFile(path);
        const value = found && getVariable(found.content.toString('latin1'), name);
        if (value === null) return null;
        return redactor.know(new Secret(Buffer.from(value, 'latin1').toString('utf8')));
      },
      async abandon() {
        await reserved?.reservation.release();
        reserved = null;
      },
    };

    function edit(found: FoundFile | null, value: string): Buffer {
      const text = found?.content.toString('latin1') ?? '';
      try {
        return Buffer.from(setVariable(text, name, Buffer.from(value).toString('latin1')), 'latin1');
      } catch (error) {
        if (!(error instanceof KeysError)) throw error;
        throw new KeysError(error.code, `cannot set ${name} in ${path}: ${error.message}`, {
          hint: error.hint,
        });
      }
    }
  },
};

function isOpenToOthers({ mode }: FoundFile): boolean {
  return (mode & 0o077) !== 0;
}
