/**
 * Sessions: a short-lived access token, and a refresh token that is exchanged for the next pair once. Who exchanges one a
 * second time has got hold of a copy, or has lost the original: the session ends, and its user logs in again.
 */
import { KeysError } from '../errors.ts';
import type { Secret } from '../secret.ts';
import type { Caller } from './access.ts';
import { auditRow, type RequestContext } from './audit.ts';
import { randomBase62 } from './base62.ts';
import type { ServiceCore } from './core.ts';
import { countUnusable, countUse } from './limited.ts';
import { checkPassword } from './password-check.ts';
import { mintSecret } from './secret-format.ts';
import { hashOf, isEnded, isUsable } from './secrets.ts';
import type {
  AuditRow,
  FoundSecret,
  FoundSession,
  SessionRow,
  Store,
  TokenKind,
  TokenRow,
  UserRow,
} from './store.ts';

export interface SessionTokens {
  readonly user: string;
  readonly accessToken: Secret;
  /** Of the access token, RFC 3339. */
  readonly expiresAt: string;
  readonly refreshToken: Secret;
}

export interface StepUp {
  readonly accessToken: Secret;
  readonly expiresAt: string;
}

export interface Sessions {
  /** Throws `unauthenticated`, the same for a wrong password, no password and no such user; and `rate_limited`. */
  open(user: string, password: Secret, context: RequestContext): Promise<SessionTokens>;
  /** A session that acts as the key that asks. Throws `forbidden` for anybody but a key. */
  openAs(caller: Caller, context: RequestContext): Promise<SessionTokens>;
  /** Throws `unauthenticated`, `rate_limited`. */
  renew(refreshToken: Secret, context: RequestContext): Promise<SessionTokens>;
  /** Throws `conflict` for a caller that has no session. */
  end(caller: Caller, context: RequestContext): Promise<void>;
  /** A token for five minutes, for what takes the password again. Throws as `open`. */
  stepUp(caller: Caller, password: Secret, context: RequestContext): Promise<StepUp>;
}

type SessionParts = Pick<ServiceCore, 'store' | 'now' | 'settings' | 'counter' | 'throttle'>;

const accessMs = 15 * 60_000;
const stepUpMs = 5 * 60_000;
/** A session that nobody renews for this long is over. */
const idleMs = 30 * 86_400_000;
/** However busy it is. */
const longestMs = 90 * 86_400_000;

const prefixes: Readonly<Record<TokenKind, string>> = {
  access: 'keyss_',
  'step-up': 'keyss_',
  refresh: 'keysr_',
};

/** Whether a credential may be the access token of a session. */
export function isAccessToken(credential: Secret): boolean {
  return credential.reveal().startsWith(prefixes.access);
}

export function createSessions(core: SessionParts): Sessions {
  const { store, now } = core;

  function audit(
    action: string,
    target: string,
    owner: string,
    keyName: string | null,
    context: RequestContext,
  ): AuditRow {
    context.recorded = true;
    return auditRow(now(), context, { owner, keyName }, { action, target });
  }

  async function requirePassword(user: string, password: Secret, context: RequestContext): Promise<UserRow> {
    const row = await checkPassword(core, user, password, context);
    if (row) return row;
    throw new KeysError('unauthenticated', 'the user or the password is wrong', {
      hint: 'an admin gives a new one: keys user edit <name> --password',
    });
  }

  async function begin(
    user: string,
    by: { password: string } | { key: Caller },
    context: RequestContext,
  ): Promise<SessionTokens> {
    const { keyId = null, keyName = null, secretHash = null } = 'key' in by ? by.key : {};
    const at = now();
    const session: SessionRow = {
      id: `ses_${randomBase62(20)}`,
      user,
      keyId,
      secretHash,
      createdAt: at,
      expiresAt: at + longestMs,
      endedAt: null,
    };
    const pair = newPair(session, at);
    const row = audit('login', session.id, user, keyName, context);
    const password = 'password' in by ? by.password : null;
    if (await store.insertSession(session, pair.rows, password, row)) return pair.tokens;
    throw new KeysError('unauthenticated', 'the user or the password has changed meanwhile');
  }

  return {
    async open(user, password, context) {
      const row = await requirePassword(user, password, context);
      return begin(user, { password: row.password ?? '' }, context);
    },

    async openAs(key, context) {
      const { kind, owner } = key;
      if (kind === 'key' && owner !== null) return begin(owner, { key }, context);
      throw new KeysError('forbidden', 'a session begins with a password, or with the secret of a key', {
        hint: kind === 'session' ? 'you have one' : 'send {"user":"…","password":"…"}',
      });
    },

    async renew(refreshToken, context) {
      const at = now();
      const hash = hashOf(refreshToken);
      const found = await store.findSession(hash);
      const key = found && (await openerOf(store, found.session, at));
      const known = found !== null && key !== 'over';
      if (known && found.token.kind === 'refresh' && isInForce(found, at)) {
        await countUse(core, countedOf(found.session, key), context);
      } else await countUnusable(core, context);
      if (known) {
        const pair = newPair(found.session, at);
        const exchanged = await store.renewSession(hash, pair.rows, at, ({ id, user }, outcome) =>
          audit(
            outcome === 'reused' ? 'session.reuse' : 'session.renew',
            id,
            user,
            key?.row.name ?? null,
            context,
          ),
        );
        if (exchanged) return pair.tokens;
      }
      throw new KeysError('unauthenticated', 'this session has ended', { hint: 'log in again' });
    },

    async end({ sessionId, owner, keyName }, context) {
      if (sessionId === null) {
        throw new KeysError('conflict', 'this credential is no session; a key ends when it is revoked');
      }
      const row = audit('logout', sessionId, owner ?? '', keyName, context);
      context.recorded = await store.endSession(sessionId, now(), row);
    },

    async stepUp({ sessionId, owner, keyName }, password, context) {
      if (sessionId === null || owner === null) {
        throw new KeysError('forbidden', 'only a session can be confirmed with a password', {
          hint: 'keys auth login --user <name>',
        });
      }
      await requirePassword(owner, password, context);
      const { secret, row } = newToken('step-up', now() + stepUpMs);
      await store.addToken(sessionId, row, audit('step_up', sessionId, owner, keyName, context));
      return { accessToken: secret, expiresAt: new Date(row.expiresAt).toISOString() };
    },
  };
}

/** The key that a session acts as, while the secret that opened it is good; `null` for one that was had for a password. */
export async function openerOf(
  store: Pick<Store, 'findSecret'>,
  { keyId, secretHash }: SessionRow,
  at: number,
): Promise<FoundSecret | 'over' | null> {
  if (keyId === null) return null;
  const found = secretHash && (await store.findSecret(secretHash));
  return found && !isEnded(found, at) && isUsable(found, at) ? found : 'over';
}

/** Whether a token, its session and its user are good by themselves: a refresh token may have been used all the same. */
export function isInForce({ token, session, owner }: FoundSession, at: number): boolean {
  return (
    token.expiresAt > at && session.endedAt === null && session.expiresAt > at && owner.disabledAt === null
  );
}

/** What a session counts on: its key, or its user. */
export function countedOf({ id, user }: SessionRow, key: FoundSecret | null) {
  return key?.row ?? { id, name: null, owner: user, rateLimit: null };
}

function newPair(
  { user, expiresAt: end }: SessionRow,
  at: number,
): { tokens: SessionTokens; rows: TokenRow[] } {
  const access = newToken('access', Math.min(end, at + accessMs));
  const refresh = newToken('refresh', Math.min(end, at + idleMs));
  const expiresAt = new Date(access.row.expiresAt).toISOString();
  return {
    tokens: { user, accessToken: access.secret, expiresAt, refreshToken: refresh.secret },
    rows: [access.row, refresh.row],
  };
}

function newToken(kind: TokenKind, expiresAt: number): { secret: Secret; row: TokenRow } {
  const secret = mintSecret(prefixes[kind]);
  return { secret, row: { hash: hashOf(secret), kind, expiresAt } };
}
