/** A consumer that reads its env-file whenever it needs its secret is never refused while that secret is rotated. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseEnv } from 'node:util';
import { expect, test } from 'vitest';
import { openDestination } from '../../src/destinations/index.ts';
import type { KeyService } from '../../src/keys.ts';
import { type Journal, openJournal } from '../../src/operations/journal.ts';
import { type Parts, performOperation, resumeOperation } from '../../src/operations/perform.ts';
import { planRotation } from '../../src/operations/rotation.ts';
import { testSecret } from '../../src/operations/test-secret.ts';
import { Secret } from '../../src/secret.ts';
import { Crash } from '../fakes/crash.ts';
import { destinationContext, temporaryDirectory } from '../fakes/destination-context.ts';
import { listeningService } from '../fakes/server.ts';
import { runs } from './scale.ts';

const rotations = runs({ usual: 15, deep: 50 });

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

test(`a consumer that reads its env-file every millisecond is never refused in ${rotations} rotations with a grace of 2 s, two of three dying and recovered`, async () => {
  const { admin: service } = await listeningService();
  const directory = temporaryDirectory();
  const file = join(directory, '.env');
  const journal = openJournal(directory, new AbortController().signal);
  const { key: made, secret } = await service.create({ name: 'ci' });
  const spec = `env-file:${file}#TOKEN`;
  const context = destinationContext({ force: true });
  const first = await openDestination(spec, context);
  await first.preflight();
  await first.deliver(secret);
  await first.abandon();
  const consumer = consume(service, file);
  let deaths = 0;

  for (let round = 0; round < rotations; round += 1) {
    const key = await service.get(made.id);
    const { request, graceMs } = await planRotation(service, key, { graceMs: 2_000 }, Date.now());
    const destination = await openDestination(spec, context);
    await destination.preflight();
    const parts: Parts = {
      ...{ service, destinations: [destination] },
      test: (read, operation, options) => testSecret(context, service, read, operation, options),
      confirm: async () => true,
    };
    const crash = new Crash(
      round % 3 === 0 ? Number.MAX_SAFE_INTEGER : 1 + (round % 11),
      round % 2 === 0 ? 'before' : 'after',
    );
    const mortalJournal: Journal = {
      ...journal,
      begin: (intent, work) => journal.begin(intent, (held) => work(crash.wrap(held))),
    };
    const mortal = {
      ...parts,
      service: crash.wrap(service),
      destinations: [crash.wrap(destination)],
    };
    const rotating = performOperation(
      mortalJournal,
      {
        ...{
          command: 'rotate',
          profile: 'local',
          origin: 'http:',
          request,
          graceMs,
          force: false,
          check: null,
        },
        key: { id: key.id, name: key.name },
        destinations: [destination.spec],
        startedAt: new Date().toISOString(),
      },
      mortal,
    );
    await rotating.catch((error: unknown) => {
      if (!crash.dead) throw error;
      deaths += 1;
    });
    await destination.abandon();
    for (const { id } of (await journal.list()).operations) {
      const again = await openDestination(spec, context);
      await again.preflight();
      await resumeOperation(journal, id, { ...parts, destinations: [again] });
      await again.abandon();
    }
    // Now and then the old secret's time runs out before the next rotation.
    if (round % 5 === 4) await sleep(2_100);
  }

  expect(await consumer.stop()).toEqual([]);
  expect(consumer.verified()).toBeGreaterThan(rotations * 10);
  expect(deaths).toBeGreaterThan(rotations / 3);
}, 600_000);
