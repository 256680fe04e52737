/** The embedded key service: the service's own rules and store in this process, as the administrator of the machine. */
import type { KeyService } from '../keys.ts';
import { embeddedCapabilities } from '../own-capabilities.ts';
import { machineAdministrator } from './machine.ts';
import { createService } from './service.ts';
import { openSqlite } from './sqlite.ts';
import { databasePath } from './sqlite-open.ts';

export interface LocalOptions {
  /** `sqlite:PATH`. */
  readonly url: string;
  readonly now: () => number;
}

/** Throws `unavailable` and `invalid` for a database that cannot be used. */
export async function openLocal({ url, now }: LocalOptions): Promise<KeyService> {
  const service = createService({ store: await openSqlite(databasePath(url)), now });
  return Object.assign(service.as(machineAdministrator()), {
    capabilities: embeddedCapabilities,
    close: () => service.close(),
  });
}
