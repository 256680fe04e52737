/** The key service: the rules, over a store. Over HTTP and in-process it is the same. */
import type { Key } from '../keys.ts';
import type { Secret } from '../secret.ts';
import type { Caller } from './access.ts';
import type { RequestContext } from './audit.ts';
import { createAuditQueue } from './audit-queue.ts';
import { callerOfKey, callerOfSession } from './callers.ts';
import type { ServiceCore } from './core.ts';
import { createAdmin, hasAdmin } from './first-admin.ts';
import { CallerKeyService, type OwnKeyService } from './key-service.ts';
import { countUnusable, countUse } from './limited.ts';
import { memoryCounter } from './memory-counter.ts';
import { type Reencryption, reencrypt } from './reencrypt.ts';
import { mintSecret } from './secret-format.ts';
import { findSecret, hashOf, isEnded, isUsable } from './secrets.ts';
import { countedOf, createSessions, isAccessToken, isInForce, openerOf, type Sessions } from './sessions.ts';
import { completeSettings, type Settings } from './settings.ts';
import { sharedCounter } from './shared-counter.ts';
import type { AuditRow, Store } from './store.ts';
import { createSweep } from './sweep.ts';
import { createThrottle } from './throttle.ts';
import { createUses, useSecret } from './uses.ts';

export interface ServiceParts {
  readonly store: Store;
  readonly now: () => number;
  readonly settings?: Partial<Settings>;
  /** Whether requests are counted together with the other instances on the store; as the store says when absent. */
  readonly countsTogether?: boolean;
}

export interface Service {
  readonly now: () => number;
  /** The service as one caller sees it, for one request; `null` is anybody, who can only verify. Its `close` does nothing. */
  as(caller: Caller | null, context?: RequestContext): OwnKeyService;
  readonly sessions: Sessions;
  /**
   * Who a secret or an access token is, and `null` unless it is good now. It counts on the limits of who that is, unless `counted` is false.
   * Throws `rate_limited`.
   */
  authenticate(secret: Secret, context?: RequestContext, counted?: boolean): Promise<Caller | null>;
  /** Puts a row into the audit log, without waiting for it to be there. */
  record(row: AuditRow): void;
  /** Throws `unavailable` unless the service can keep what it is told. */
  check(): Promise<void>;
  /** Encrypts with the newest master key what is kept under older ones, until `isStopped`. Throws `unavailable`. */
  reencrypt(isStopped: () => boolean): Promise<Reencryption>;
  /** Whether somebody can administer the whole service: with a password, or with the secret of a key. */
  hasAdmin(): Promise<boolean>;
  /** The first administrator's key, with a secret that has been chosen already. Throws `conflict` when there is one by now, or when the secret is not new. */
  createAdmin(secret: Secret): Promise<Key>;
  close(): Promise<void>;
}

/** Throws `invalid` for settings that make no sense. */
export function createService(parts: ServiceParts): Service {
  const { store, now, settings: given, countsTogether = store.shared } = parts;
  const settings = completeSettings(given);
  const core: ServiceCore = {
    store,
    now,
    settings,
    newSecret: () => mintSecret(settings.secretPrefix),
    uses: createUses(store),
    queue: createAuditQueue(store),
    sweep: createSweep(store, now),
    counter: countsTogether ? sharedCounter(store, now) : memoryCounter(now),
    throttle: createThrottle(now),
  };
  return {
    now,
    as: (caller, context) => new CallerKeyService(core, caller, context),
    sessions: createSessions(core),
    async authenticate(secret, context = { address: null, requestId: null }, counted = true) {
      const session = isAccessToken(secret) ? await findSession(core, secret) : null;
      if (session) {
        if (counted) await countUse(core, session.counted, context);
        return callerOfSession(core, session.found, session.key);
      }
      const found = await findSecret(store, secret);
      if (!found || isEnded(found, now()) || !isUsable(found, now())) {
        await countUnusable(core, context);
        return null;
      }
      if (counted) await countUse(core, found.row, context);
      await useSecret(core, found, secret, now(), context);
      return callerOfKey(core, found, hashOf(secret));
    },
    record: (row) => core.queue.add(row),
    check: () => store.check(),
    reencrypt: (isStopped) => reencrypt(store, settings.masterKeys, isStopped),
    hasAdmin: () => hasAdmin(core),
    createAdmin: (secret) => createAdmin(core, secret),
    async close() {
      await core.sweep.stop();
      await core.uses.flush();
      // What was recorded and cannot be written is an error to end with.
      await core.queue.flush().finally(() => store.close());
    },
  };
}

/** A session that is good now, the key it acts as, and what it counts on. */
async function findSession(core: ServiceCore, token: Secret) {
  const { store } = core;
  const at = core.now();
  const found = await store.findSession(hashOf(token));
  if (!found || found.token.kind === 'refresh' || !isInForce(found, at)) return null;
  const { session } = found;
  const key = await openerOf(store, session, at);
  if (key === 'over') return null;
  return { found, key, counted: countedOf(session, key) };
}
