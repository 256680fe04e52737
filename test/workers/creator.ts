/**
 * A process of its own on a database: reads a JSON line with what to do, does it, answers a JSON line.
 * `{"open":PATH,"quota":N}` answers `"opened"`; `{"create":COUNT,"namespace":NAME,"prefix":TEXT}` answers the outcome of each create.
 * With `"gated":true` each create stops before its transaction, and the answer comes when all of them have, `"arrived"`; `{"go":true}`
 * lets them go: `"going"` comes at once and the outcomes after it.
 */
import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { KeysError } from '../../src/errors.ts';
import type { KeyService } from '../../src/keys.ts';
import { machineAdministrator } from '../../src/service/machine.ts';
import { createService } from '../../src/service/service.ts';
import { openSqlite } from '../../src/service/sqlite.ts';
import { arrivalGate, type Gate } from '../fakes/gate.ts';

interface Task {
  readonly open?: string;
  readonly quota?: number;
  readonly create?: number;
  readonly gated?: boolean;
  readonly go?: boolean;
  readonly namespace?: string;
  readonly prefix?: string;
}

let service: KeyService | undefined;
let gate: Gate | undefined;
let close = async (): Promise<void> => {};

function say(answer: unknown): void {
  writeSync(1, `${JSON.stringify(answer)}\n`);
}

async function open(path: string, quota: number | undefined): Promise<string> {
  await close();
  const store = await openSqlite(path);
  const gated: typeof store = {
    ...store,
    async insertKey(...row) {
      await gate?.arrive();
      return store.insertKey(...row);
    },
  };
  const opened = createService({ store: gated, now: Date.now, settings: { quota } });
  close = () => opened.close();
  service = opened.as(machineAdministrator('racer'));
  return 'opened';
}

async function create({ create: count = 0, namespace, prefix = 'racer', gated }: Task): Promise<unknown> {
  gate = gated ? arrivalGate(count) : undefined;
  void gate?.full.then(() => say('arrived'));
  const attempts = Array.from({ length: count }, (_, i) =>
    service
      ?.create({ name: `${prefix}-${process.pid}-${i}`, namespace })
      .then(() => 'created')
      .catch((error: unknown) => (error instanceof KeysError ? error.code : String(error))),
  );
  return Promise.all(attempts);
}

async function perform(task: Task): Promise<void> {
  if (task.go) {
    // Said before: the first of the creates keeps this thread until it may write.
    say('going');
    gate?.open();
    return;
  }
  say(await (task.open === undefined ? create(task) : open(task.open, task.quota)));
}

const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => {
  void perform(JSON.parse(line) as Task).catch((error: unknown) => say(String(error)));
});
lines.on('close', () => void close());
