/** The embedded key service: the service's own rules and store in this process, as the administrator of the machine. */
import { userInfo } from 'node:os';
import { KeysError } from '../errors.ts';
import type { KeyService } from '../keys.ts';
import type { Caller } from './access.ts';
import { createService } from './service.ts';
import { openSqlite } from './sqlite.ts';

export interface LocalOptions {
  /** `sqlite:PATH`. */
  readonly url: string;
  readonly now: () => number;
}

/** Throws `unavailable` and `invalid` for a database that cannot be used. */
export async function openLocal({ url, now }: LocalOptions): Promise<KeyService> {
  const service = createService({ store: await openSqlite(databasePath(url)), now });
  return { ...service.as(administrator()), close: () => service.close() };
}

/** The path in `sqlite:PATH`. Throws `invalid`. */
export function databasePath(url: string): string {
  const path = /^sqlite:(?:\/\/(?=\/))?(.+)$/.exec(url)?.[1];
  if (path && !path.startsWith(':')) return path;
  throw new KeysError('invalid', `'${url}' is not a database`, { hint: 'write it as sqlite:PATH' });
}

function administrator(): Caller {
  return {
    keyId: null,
    keyName: null,
    owner: userName(),
    namespace: 'default',
    type: 'manage',
    roles: ['admin'],
  };
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A container may run under a number that no user has.
    return `uid-${process.getuid?.() ?? 0}`;
  }
}
