/** A destination that a test can look into. */
import type { Destination } from '../../src/destinations/index.ts';
import type { Secret } from '../../src/secret.ts';

export interface MemoryDestination extends Destination {
  held: Secret | null;
  deliveries: number;
}

export function memoryDestination(
  spec = 'memory:',
  { readable = true, unproven = false } = {},
): MemoryDestination {
  const destination: MemoryDestination = {
    spec,
    readable,
    unproven,
    held: null,
    deliveries: 0,
    preflight: async () => {},
    deliver: async (secret) => {
      destination.held = secret;
      destination.deliveries += 1;
    },
    readBack: async () => (readable ? destination.held : null),
    abandon: async () => {},
  };
  return destination;
}
