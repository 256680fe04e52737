import { KeysError } from '../errors.ts';
import { type Reservation, removeLeftovers, reserve, syncFile } from '../reservation.ts';
import { Secret } from '../secret.ts';
import { failing, fileError, invalidTarget } from './failure.ts';
import type { DestinationKind } from './index.ts';
import { absolutePath, findFile, ownerToKeep } from './target-file.ts';

/** More than any secret is long. */
const room = 4_096;

export const file: DestinationKind = {
  name: 'file',
  syntax: 'file:PATH',
  summary: 'a file of its own, mode 0600',
  example: 'keys create ci-deploy --to file:/run/secrets/deploy-token',
  detail:
    'The file holds the secret and a newline. It appears whole or not at all, can be read by its owner only, and is on the disk when the ' +
    'command ends. Its directory must exist. A file that is there is refused unless --force is given, and then keeps its owner; symbolic ' +
    'links, devices and directories are always refused.',
  readable: true,
  open(target, { env, force = false, resuming = false, redactor }) {
    if (target === '') throw invalidTarget(file, 'file: needs a path');
    const path = absolutePath(target, env);
    let reservation: Reservation | null = null;

    async function prepare(): Promise<Reservation> {
      const found = await findFile(path);
      if (found && !force && !resuming) throw taken(path);
      return reserve(path, { bytes: room, mode: 0o600, replace: force, owner: ownerToKeep(found) });
    }

    return {
      spec: `file:${path}`,
      readable: true,
      async preflight() {
        try {
          await removeLeftovers(path);
          reservation ??= await prepare();
        } catch (error) {
          throw fileError(error, path);
        }
      },
      async deliver(secret) {
        await failing(path, async () => {
          const content = Buffer.from(`${secret.reveal()}\n`);
          const found = await findFile(path);
          if (found?.content.equals(content)) return syncFile(path);
          if (found && !force) throw taken(path);
          const reserved = reservation ?? (await prepare());
          reservation = null;
          await reserved.commit(content);
        });
      },
      async readBack() {
        const found = await findFile(path);
        if (!found) return null;
        return redactor.know(new Secret(found.content.toString('utf8').replace(/\r?\n$/, '')));
      },
      async abandon() {
        await reservation?.release();
        reservation = null;
      },
    };
  },
};

function taken(path: string): KeysError {
  return new KeysError('conflict', `there is a file ${path} already`, {
    hint: '--force replaces it; or name another file',
  });
}
