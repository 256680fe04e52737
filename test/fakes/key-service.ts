/** A key service in this process, on a real database file, with a clock that the test moves, and a few users who are members. */
import { onTestFinished } from 'vitest';
import type { KeyService, NewKey } from '../../src/keys.ts';
import type { Secret } from '../../src/secret.ts';
import type { OwnKeyService } from '../../src/service/key-service.ts';
import { machineAdministrator } from '../../src/service/machine.ts';
import { createService, type Service } from '../../src/service/service.ts';
import type { Settings } from '../../src/service/settings.ts';
import { openSqlite } from '../../src/service/sqlite.ts';
import { newDatabasePath } from './database.ts';

export const machineAdmin = machineAdministrator('root');

export interface TestService {
  readonly service: Service;
  readonly databasePath: string;
  readonly admin: OwnKeyService;
  readonly clock: { now: number };
  /** Mints a key and gives the service as that key sees it. */
  as(key: Partial<NewKey>): Promise<KeyService & { id: string; secret: Secret }>;
}

/** `now` in place of the clock that stands still unless moved. */
export async function newService(settings?: Partial<Settings>, now?: () => number): Promise<TestService> {
  const databasePath = newDatabasePath();
  const clock = { now: Date.now() };
  const store = await openSqlite(databasePath);
  const service = createService({ store, now: now ?? (() => clock.now), settings });
  onTestFinished(() => service.close());
  const admin = service.as(machineAdmin);
  for (const name of ['alice', 'ann', 'bob', 'carol', 'dave']) await admin.users.create({ name });
  let minted = 0;
  return {
    ...{ service, databasePath, admin, clock },
    async as(given) {
      const { key, secret } = await admin.create({ name: `caller-${minted++}`, owner: 'carol', ...given });
      const caller = await service.authenticate(secret);
      return Object.assign(service.as(caller), { id: key.id, secret });
    },
  };
}
