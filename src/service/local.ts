/** The embedded key service: the service's own rules and store, in this process. */
import type { KeyService } from '../keys.ts';

export interface LocalOptions {
  /** `sqlite:PATH`. */
  readonly url: string;
  readonly now: () => number;
}

export async function openLocal(_options: LocalOptions): Promise<KeyService> {
  throw new Error('not there yet');
}
