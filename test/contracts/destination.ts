/** What every destination guarantees, run over each on a place of its own. */
import { describe, expect, test } from 'vitest';
import { type Destination, type DestinationContext, openDestination } from '../../src/destinations/index.ts';
import { Secret } from '../../src/secret.ts';
import { destinationContext } from '../fakes/destination-context.ts';

export interface Place {
  readonly spec: string;
  readonly context?: Partial<DestinationContext>;
  /** Everything that a delivery could change there. */
  snapshot(): Promise<unknown>;
  /** What a run may not leave behind: temporary files and the like. */
  leftovers?(): Promise<readonly string[]>;
  /** The secret as a consumer finds it, found without the destination's own code. */
  consumed(): Promise<string | null>;
  /** Makes the next delivery impossible. */
  breakIt(): Promise<void>;
  /** When the secret has to be said to standard error, as a mask is. */
  readonly saysSecret?: boolean;
}

export const sampleSecret = 'keys_9fKd02mQxR7aLw3ZtYb6HcVn8PsEjG_4t1b2c';

export function describeDestination(name: string, newPlace: () => Promise<Place>): void {
  describe(`the destination ${name}`, () => {
    async function start(parts: Partial<DestinationContext> = {}) {
      const place = await newPlace();
      const context = destinationContext({ ...place.context, ...parts });
      const open = (spec = place.spec, more: Partial<DestinationContext> = {}): Promise<Destination> =>
        openDestination(spec, { ...context, ...more });
      return { place, context, open, destination: await open() };
    }
    const secret = new Secret(sampleSecret);

    test('changes nothing at the target in preflight, nor by abandoning', async () => {
      const { place, destination } = await start();
      const before = await place.snapshot();
      await destination.preflight();
      await destination.abandon();
      await destination.abandon();
      expect(await place.snapshot()).toEqual(before);
      expect((await place.leftovers?.()) ?? []).toEqual([]);
    });

    test('delivers exactly the secret, and reads it back where it says it can', async () => {
      const { place, destination } = await start();
      await destination.preflight();
      await destination.deliver(secret);
      expect(await place.consumed()).toBe(sampleSecret);
      const read = await destination.readBack();
      expect(read?.reveal() ?? null).toBe(destination.readable ? sampleSecret : null);
      await destination.abandon();
      expect((await place.leftovers?.()) ?? []).toEqual([]);
    });

    test('delivers again after an interruption, from its spec alone', async () => {
      const { place, destination, open } = await start();
      await destination.preflight();
      await destination.deliver(secret);
      const again = await open(destination.spec, { resuming: true });
      expect(again.spec).toBe(destination.spec);
      await again.preflight();
      await again.deliver(secret);
      await again.deliver(secret);
      await again.abandon();
      expect(await place.consumed()).toBe(sampleSecret);
      expect((await place.leftovers?.()) ?? []).toEqual([]);
    });

    test('says undelivered when it could not deliver, and leaves nothing behind', async () => {
      const { place, destination } = await start();
      await destination.preflight();
      await place.breakIt();
      await expect(destination.deliver(secret)).rejects.toMatchObject({ code: 'undelivered' });
      await destination.abandon();
      expect((await place.leftovers?.()) ?? []).toEqual([]);
    });

    test('shows the secret nowhere else', async () => {
      const { place, destination, context } = await start();
      await destination.preflight();
      await destination.deliver(secret);
      expect(destination.spec).not.toContain(sampleSecret);
      if (!place.saysSecret) expect(context.stderrText()).not.toContain(sampleSecret);
      if (!place.spec.startsWith('stdout')) expect(context.stdoutText()).not.toContain(sampleSecret);
    });
  });
}
