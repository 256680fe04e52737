/** The id that a request goes by, in its answer, in the log and in the audit log. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** The one that it came with, as from a proxy, where that has a shape that cannot do harm. */
export function requestIdOf({ headers }: Pick<IncomingMessage, 'headers'>): string {
  const given = headers['x-request-id'];
  return typeof given === 'string' && /^[A-Za-z0-9._-]{1,64}$/.test(given) ? given : randomUUID();
}
