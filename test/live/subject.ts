/** What every live test file needs of its service: started once, asked by a driver and by the built command. */
import { afterAll, beforeAll } from 'vitest';

/** Starts a service before the tests of a file and stops it after them, also when they fail. */
export function service<T extends { stop(): Promise<void> }>(begin: () => Promise<T>): () => T {
  let running: T | null = null;
  beforeAll(async () => {
    running = await begin();
  });
  afterAll(() => running?.stop());
  return () => {
    if (!running) throw new Error('the service is not there yet');
    return running;
  };
}
