/**
 * A process of its own on a database: reads a JSON line with what to do, does it, answers a JSON line.
 * `{"open":PATH,"quota":N}` answers `"opened"`; `{"create":COUNT,"namespace":NAME,"prefix":TEXT}` answers the outcome of each create.
 */
import { createInterface } from 'node:readline';
import { KeysError } from '../../src/errors.ts';
import type { KeyService } from '../../src/keys.ts';
import { machineAdministrator } from '../../src/service/machine.ts';
import { createService } from '../../src/service/service.ts';
import { openSqlite } from '../../src/service/sqlite.ts';

interface Task {
  readonly open?: string;
  readonly quota?: number;
  readonly create?: number;
  readonly namespace?: string;
  readonly prefix?: string;
}

let service: KeyService | undefined;
let close = async (): Promise<void> => {};

async function perform({ open, quota, create = 0, namespace, prefix = 'racer' }: Task): Promise<unknown> {
  if (open !== undefined) {
    await close();
    const opened = createService({ store: await openSqlite(open), now: Date.now, settings: { quota } });
    close = () => opened.close();
    service = opened.as(machineAdministrator('racer'));
    return 'opened';
  }
  const attempts = Array.from({ length: create }, (_, i) =>
    service
      ?.create({ name: `${prefix}-${process.pid}-${i}`, namespace })
      .then(() => 'created')
      .catch((error: unknown) => (error instanceof KeysError ? error.code : String(error))),
  );
  return Promise.all(attempts);
}

for await (const line of createInterface({ input: process.stdin })) {
  const answer = await perform(JSON.parse(line) as Task).catch((error: unknown) => String(error));
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await close();
