import type { Dialect } from '../sql.ts';

/** Two tables whose rows change more often than they come: when a key was last used, and what was taken of a limit. */
export function sql({ withRoom }: Dialect): string {
  return ['keys', 'rate_limits'].map(withRoom).join('\n');
}
