/** Sessions and their tokens, known by hash only. */
import { type Database, exists, get, type Row, run, type Work } from './sql.ts';
import { addAudit } from './sql-audit.ts';
import { membershipsOfUser, toOwner } from './sql-users.ts';
import type { FoundSession, SessionRow, SessionStore, TokenKind, TokenRow } from './store.ts';

export function sessionStore({ read, transaction }: Database): SessionStore {
  return {
    insertSession: (session, tokens, password, audit) =>
      transaction(function* () {
        const { id, user, keyId, secretHash, createdAt, expiresAt } = session;
        const active = 'SELECT 1 FROM users WHERE name = ? AND disabled_at IS NULL';
        const still =
          password === null ? exists(active, user) : exists(`${active} AND password = ?`, user, password);
        if (!(yield* still)) return false;
        yield* run(
          `INSERT INTO sessions (id, user_name, key_id, secret_hash, created_at, expires_at)
           VALUES (?, ?, ?, ?, ?, ?)`,
          ...[id, user, keyId, secretHash, createdAt, expiresAt],
        );
        for (const token of tokens) yield* addToken(id, token);
        yield* addAudit(audit);
        return true;
      }),

    addToken: (session, token, audit) =>
      transaction(function* () {
        yield* addToken(session, token);
        yield* addAudit(audit);
      }),

    findSession: (hash) => read(() => find(hash)),

    renewSession: (hash, tokens, now, audit) =>
      transaction(function* () {
        const found = yield* find(hash);
        if (found?.token.kind !== 'refresh') return false;
        const { session, token, owner, usedAt } = found;
        const ended = session.endedAt !== null || session.expiresAt <= now;
        if (ended || owner.disabledAt !== null) return false;
        // Also when its own time is over: who has it may have had one of the next.
        if (usedAt !== null) {
          yield* run('UPDATE sessions SET ended_at = ? WHERE id = ?', now, session.id);
          yield* addAudit(audit(session, 'reused'));
          return false;
        }
        if (token.expiresAt <= now) return false;
        yield* run('UPDATE session_tokens SET used_at = ? WHERE hash = ?', now, hash);
        for (const fresh of tokens) yield* addToken(session.id, fresh);
        yield* addAudit(audit(session, 'renewed'));
        return true;
      }),

    endSession: (id, now, audit) =>
      transaction(function* () {
        const ended = yield* run(
          'UPDATE sessions SET ended_at = ? WHERE id = ? AND ended_at IS NULL',
          now,
          id,
        );
        if (ended === 0) return false;
        yield* addAudit(audit);
        return true;
      }),

    async sweepSessions(before) {
      const old = await read(() =>
        get('SELECT 1 AS old FROM session_tokens WHERE expires_at <= ? LIMIT 1', before),
      );
      if (!old) return;
      await transaction(function* () {
        // A refresh token that was exchanged is remembered as long as its session lasts: its reuse is to be noticed.
        yield* run(
          `DELETE FROM session_tokens WHERE expires_at <= ?
           AND (kind <> 'refresh' OR session IN (SELECT id FROM sessions WHERE expires_at <= ? OR ended_at <= ?))`,
          ...[before, before, before],
        );
        yield* run(
          `DELETE FROM sessions WHERE expires_at <= ?
           AND NOT EXISTS (SELECT 1 FROM session_tokens WHERE session_tokens.session = sessions.id)`,
          before,
        );
      });
    },
  };
}

function* addToken(session: string, { hash, kind, expiresAt }: TokenRow): Work<void> {
  yield* run(
    'INSERT INTO session_tokens (hash, session, kind, expires_at) VALUES (?, ?, ?, ?)',
    ...[hash, session, kind, expiresAt],
  );
}

function* find(hash: Uint8Array): Work<(FoundSession & { usedAt: number | null }) | null> {
  const record = yield* get(
    `SELECT sessions.*, session_tokens.kind, session_tokens.expires_at AS token_expires_at, session_tokens.used_at,
       users.role, users.disabled_at, ${membershipsOfUser} AS memberships
     FROM session_tokens JOIN sessions ON sessions.id = session_tokens.session
     JOIN users ON users.name = sessions.user_name WHERE session_tokens.hash = ?`,
    hash,
  );
  if (!record) return null;
  return {
    session: toSession(record),
    token: { hash, kind: record.kind as TokenKind, expiresAt: record.token_expires_at as number },
    owner: toOwner(record.role, record.disabled_at, record.memberships),
    usedAt: record.used_at as number | null,
  };
}

function toSession(record: Row): SessionRow {
  return {
    id: record.id as string,
    user: record.user_name as string,
    keyId: record.key_id as string | null,
    secretHash: record.secret_hash as Uint8Array | null,
    createdAt: record.created_at as number,
    expiresAt: record.expires_at as number,
    endedAt: record.ended_at as number | null,
  };
}
