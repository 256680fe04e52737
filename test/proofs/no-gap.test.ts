/** A consumer that reads its env-file whenever it needs its secret is never refused while that secret is rotated. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseEnv } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import type { KeyService } from '../../src/keys.ts';
import { type OperationState, operationStates } from '../../src/operations/operation.ts';
import { Secret } from '../../src/secret.ts';
import { openLocal } from '../../src/service/local.ts';
import { temporaryDirectory } from '../fakes/temporary.ts';
import { runs } from './scale.ts';

const rotations = runs({ usual: 8, deep: 50 });

/** How far a rotation is, by its journal, when it is killed, or a little further; `null` lets it end. */
const deaths: readonly (OperationState | null)[] = [
  null,
  'intended',
  'minted',
  'delivering',
  null,
  'delivered',
  'tested',
];

function progress(state: string): number {
  return (operationStates as readonly string[]).indexOf(state);
}

/** Reads and verifies every millisecond until it is stopped. */
function consume(service: KeyService, file: string) {
  const refusals: string[] = [];
  let verified = 0;
  let running = true;
  const loop = (async () => {
    while (running) {
      const { TOKEN = '' } = parseEnv(readFileSync(file, 'utf8'));
      const { valid, reason } = await service.verify(new Secret(TOKEN));
      verified += 1;
      if (!valid) refusals.push(`${verified}: ${reason}`);
      await sleep(1);
    }
  })();
  return {
    verified: () => verified,
    async stop() {
      running = false;
      await loop;
      return refusals;
    },
  };
}

/** The built command on a home of its own. */
function newCommand() {
  const path = temporaryDirectory();
  const env = {
    ...process.env,
    CI: '',
    KEYS_CONFIG_DIR: join(path, 'config'),
    KEYS_DATA_DIR: join(path, 'data'),
    KEYS_STATE_DIR: join(path, 'state'),
  };
  const operations = join(path, 'state', 'operations');

  function states(): string[] {
    try {
      const names = readdirSync(operations).filter((name) => name.endsWith('.json'));
      return names.map((name) => JSON.parse(readFileSync(join(operations, name), 'utf8')).state);
    } catch {
      return [];
    }
  }

  return {
    path,
    /** Kills it as soon as the journal says that much; whether that killed it. Throws when it ends with anything but 0. */
    async run(argv: readonly string[], death: OperationState | null = null): Promise<boolean> {
      const child = spawn(process.execPath, ['bin/keys.js', ...argv], {
        env,
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      let said = '';
      child.stderr.on('data', (chunk) => {
        said += chunk;
      });
      const closed = once(child, 'close') as Promise<[number | null, string | null]>;
      let over = false;
      void closed.then(() => {
        over = true;
      });
      while (death && !over) {
        if (states().some((state) => progress(state) >= progress(death))) child.kill('SIGKILL');
        await new Promise(setImmediate);
      }
      const [code, signal] = await closed;
      if (signal === 'SIGKILL') return true;
      expect({ argv, code, said }).toMatchObject({ code: 0 });
      return false;
    },
  };
}

test(`a consumer that reads its env-file every millisecond is never refused in ${rotations} rotations with a grace of 2 s, most of them killed and recovered`, async () => {
  const { path, run } = newCommand();
  const file = join(path, '.env');
  const to = ['--to', `env-file:${file}#TOKEN`];
  await run(['create', 'ci', ...to]);
  const service = await openLocal({ url: `sqlite:${join(path, 'data', 'keys.db')}`, now: Date.now });
  onTestFinished(() => service.close());
  const consumer = consume(service, file);
  const before = readFileSync(file, 'utf8');
  let killed = 0;

  for (let round = 0; round < rotations; round += 1) {
    const death = deaths[round % deaths.length];
    if (await run(['rotate', 'ci', '--yes', '--grace', '2s', ...to], death)) {
      killed += 1;
      await run(['recover', '--all', '--yes']);
    }
    // Now and then the old secret's time runs out before the next rotation.
    if (round % 7 === 5) await sleep(2_100);
  }

  expect(await consumer.stop()).toEqual([]);
  expect(readFileSync(file, 'utf8')).not.toBe(before);
  expect(consumer.verified()).toBeGreaterThan(rotations * 20);
  expect(killed).toBeGreaterThan(rotations / 4);
  console.log(`${consumer.verified()} verifications, ${killed} of ${rotations} rotations killed`);
}, 3_600_000);
