/** Our own key service over HTTP; its API is `docs/api.md`. */
import * as z from 'zod/mini';
import type { Profile } from '../config.ts';
import { KeysError } from '../errors.ts';
import { type Answer, type Call, type Http, pageBytes, problemError } from '../http.ts';
import {
  type IssuedKey,
  type Key,
  type KeyChanges,
  type KeyQuery,
  type KeyService,
  keyStatuses,
  keyTypes,
  type MintOptions,
  secretStates,
} from '../keys.ts';
import { ownCapabilities } from '../own-capabilities.ts';
import { Secret } from '../secret.ts';
import { shellArgument, terminalSafe } from '../text.ts';
import { parseTimestamp } from '../time.ts';
import { onlyOnce, shaped } from './foreign.ts';
import type { DriverParts } from './index.ts';
import { withSession } from './keys-session.ts';
import { namespacesOver, rolesOver, usersOver } from './keys-users.ts';

/** Keys a page: at 8 MiB a page that is room for 16 KiB a key. */
const pageSize = 500;

const text = z.nullable(z.string());

/** What is not known here is left out: a newer service may say more. */
const wireKey = z.object({
  id: z.string(),
  name: z.string(),
  description: text,
  namespace: text,
  owner: text,
  type: z.nullable(z.enum(keyTypes)),
  roles: z.array(z.string()),
  permissions: z.array(z.string()),
  apiVersion: text,
  status: z.nullable(z.enum(keyStatuses)),
  prefix: text,
  lastFour: text,
  createdAt: text,
  createdBy: text,
  expiresAt: text,
  lastUsedAt: text,
  rotatedAt: text,
  labels: z.record(z.string(), z.string()),
  /** Absent from older services. */
  rateLimit: z._default(z.nullable(z.object({ requests: z.number(), perSeconds: z.number() })), null),
  recoverable: z._default(z.nullable(z.boolean()), null),
  version: text,
});
const wireIssued = z.object({
  key: z.looseObject({ id: z.string() }),
  secret: z.catch(z.string().check(z.regex(/^[\x21-\x7e]+$/)), ''),
});
const wireMint = z.object({ key: wireKey, secretState: z.enum(secretStates), inForce: z.boolean() });
const wireSession = z.object({ accessToken: z.string().check(z.regex(/^[\x21-\x7e]+$/)) });
const wirePage = z.object({ keys: z.array(wireKey), nextCursor: text });
const wireVerification = z.object({
  valid: z.boolean(),
  reason: z.nullable(z.enum(['unknown', 'disabled', 'expired', 'revoked'])),
  key: z.nullable(wireKey),
  // A service of an earlier version does not tell.
  acts: z.optional(
    z.nullable(z.object({ namespace: text, roles: z.array(z.string()), permissions: z.array(z.string()) })),
  ),
});
const wireIdentity = z.object({
  id: text,
  name: text,
  owner: text,
  namespace: text,
  roles: z.array(z.string()),
});

const wireAuditPage = z.object({
  // All that it says, for all of it is in the hash.
  entries: z.array(
    z.looseObject({
      seq: z.number(),
      time: z.string(),
      actor: text,
      agent: text,
      action: z.string(),
      target: text,
      outcome: z.string(),
      address: text,
      requestId: text,
      details: z.record(z.string(), z.unknown()),
      hash: z.string(),
    }),
  ),
  nextCursor: text,
});
const wireAuditHead = z.object({ seq: z.number(), hash: z.string() });

export function keysDriver(wire: Http, profile: Profile, parts?: DriverParts): KeyService {
  const { know = (secret: Secret) => secret } = parts ?? {};
  const http = parts ? withSession(wire, profile, parts) : wire;

  async function ask<T>(call: Call, shape: z.ZodMiniType<T>): Promise<T> {
    return shaped(await http.call(call), shape);
  }

  /** With an idempotency key it may be sent again, to be answered from the first time. */
  async function mint(
    path: readonly string[],
    body: object,
    { idempotencyKey }: MintOptions,
    version?: string | null,
  ): Promise<IssuedKey> {
    const answer = await http.call({
      method: 'POST',
      path,
      body,
      effect: idempotencyKey === undefined ? 'once' : 'set',
      headers: { ...ifMatch(version), ...under(idempotencyKey) },
    });
    const issued = wireIssued.safeParse(answer.json());
    if (!issued.success)
      throw answer.nonsense("the service's answer to a request for a secret makes no sense");
    const { key, secret } = issued.data;
    if (secret) return { key: wholeKey(key), secret: new Secret(secret) };
    const id = terminalSafe(key.id);
    throw new KeysError('bad_response', `the service made the key ${id} and gave no secret for it`, {
      hint: `nobody can use that key: keys revoke ${shellArgument(id)}`,
      requestId: answer.requestId,
      mintedId: key.id,
    });
  }

  const get = (id: string) => ask({ method: 'GET', path: ['v1', 'keys', id], effect: 'read' }, wireKey);

  /**
   * Sets something about a key. Where an answer was lost, the key as it stands decides: `stands` tells whether it is as
   * wanted. Without a version the first attempt applies always; one after a lost answer only to the key as then read.
   */
  async function change(
    id: string,
    call: Omit<Call, 'path' | 'effect'> & { readonly action?: string },
    stands: (key: Key) => boolean,
    version?: string | null,
  ): Promise<Key> {
    const { action, ...rest } = call;
    const path = ['v1', 'keys', id, ...(action ? [action] : [])];
    let lost: unknown;
    try {
      const answer = await http.call({
        ...rest,
        path,
        effect: version ? 'set' : 'once',
        headers: ifMatch(version),
        errorOf: (said) => (said.status === 412 && said.repeated ? null : problemError(said)),
      });
      if (answer.status !== 412) return shaped(answer, wireKey);
      lost = changedMeanwhile(answer);
    } catch (error) {
      if (!(error instanceof KeysError) || error.code !== 'outcome_unknown') throw error;
      lost = error;
    }
    const found = await get(id).catch(() => {
      throw lost;
    });
    if (stands(found)) return found;
    if (version || !found.version) throw lost;
    return change(id, call, stands, found.version);
  }

  /** A session for what takes the password again; where the credential is a key, one that is ended afterwards. */
  async function steppedUp(password: Secret): Promise<{ token: Secret; end: () => Promise<unknown> }> {
    const stepUp = (authorization?: Secret) =>
      sessionToken({
        path: ['v1', 'sessions', 'step-up'],
        body: { password: password.reveal() },
        headers: authorization ? { authorization } : {},
      });
    try {
      return { token: await stepUp(), end: async () => {} };
    } catch (error) {
      if (!(error instanceof KeysError && error.code === 'forbidden')) throw error;
    }
    const own = await sessionToken({ path: ['v1', 'sessions'] });
    const current = ['v1', 'sessions', 'current'];
    const end = () =>
      http.call({ method: 'DELETE', path: current, effect: 'set', headers: { authorization: own } });
    try {
      return { token: await stepUp(own), end };
    } catch (error) {
      await end().catch(() => {});
      throw error;
    }
  }

  /** What goes into the header with an access token. */
  async function sessionToken(call: Pick<Call, 'path' | 'body' | 'headers'>): Promise<Secret> {
    const { accessToken } = await ask({ method: 'POST', ...onlyOnce, ...call }, wireSession);
    return know(new Secret(`Bearer ${know(new Secret(accessToken)).reveal()}`));
  }

  return {
    capabilities: ownCapabilities,
    users: usersOver(ask),
    namespaces: namespacesOver(ask),
    roles: rolesOver(ask),
    minting: {
      async status(idempotencyKey) {
        const answer = await http.call({
          method: 'GET',
          path: ['v1', 'mint'],
          effect: 'read',
          headers: under(idempotencyKey),
          errorOf: (said) => (said.status === 404 ? null : problemError(said)),
        });
        return answer.status === 404 ? null : shaped(answer, wireMint);
      },
      async cancel(idempotencyKey) {
        const answer = await http.call(mintCall('cancel', idempotencyKey));
        return answer.status === 204 ? null : shaped(answer, wireMint);
      },
      async acknowledge(idempotencyKey) {
        await http.call(mintCall('acknowledge', idempotencyKey));
      },
      settle: (idempotencyKey, { keep, graceMs = 0 }) =>
        ask({ ...mintCall('settle', idempotencyKey), body: { keep, graceMs } }, wireKey),
    },
    audit: {
      list: ({ pageSize: limit = pageSize, ...query }) =>
        ask(
          {
            method: 'GET',
            path: ['v1', 'audit'],
            query: { ...query, limit },
            effect: 'read',
            maxBytes: pageBytes,
            ownTime: true,
          },
          wireAuditPage,
        ),
      head: () =>
        ask({ method: 'GET', path: ['v1', 'audit', 'head'], effect: 'read', ownTime: true }, wireAuditHead),
    },
    create: (key, options = {}) =>
      mint(['v1', 'keys'], { ...key, namespace: key.namespace ?? profile.namespace ?? undefined }, options),
    list: (query) =>
      ask(
        {
          method: 'GET',
          path: ['v1', 'keys'],
          query: queryOf(query, profile),
          effect: 'read',
          maxBytes: pageBytes,
        },
        wirePage,
      ),
    get,
    edit: (id, changes, version) =>
      change(id, { method: 'PATCH', body: changes }, (key) => hasValues(key, changes), version),
    disable: (id, version) =>
      change(id, { method: 'POST', action: 'disable' }, ({ status }) => status === 'disabled', version),
    enable: (id, version) =>
      change(
        id,
        { method: 'POST', action: 'enable' },
        ({ status }) => status === 'active' || status === 'expired',
        version,
      ),
    regenerate: (id, { graceMs = 0, overlap, takeOver, ...options } = {}, version = null) =>
      mint(['v1', 'keys', id, 'regenerate'], { graceMs, overlap, takeOver }, options, version),
    async revoke(id, version) {
      const answer = await http.call({
        method: 'POST',
        path: ['v1', 'keys', id, 'revoke'],
        effect: 'set',
        headers: ifMatch(version),
        // After a revocation whose answer was lost, these may be its traces.
        errorOf: (said) =>
          said.repeated && (said.status === 404 || said.status === 412) ? null : problemError(said),
      });
      if (answer.status === 404) return;
      const { status } = answer.status === 412 ? await get(id) : shaped(answer, wireKey);
      if (status === 'revoked') return;
      if (answer.status === 412) throw changedMeanwhile(answer);
      throw answer.nonsense(`the service's answer to a revocation is a key that is ${status}`);
    },
    async reveal(id, password) {
      const { token, end } = await steppedUp(password);
      try {
        const answer = await http.call({
          method: 'GET',
          path: ['v1', 'keys', id, 'secret'],
          effect: 'read',
          headers: { authorization: token },
        });
        const issued = shaped(answer, wireIssued);
        if (issued.secret === '') throw answer.nonsense('the service gave no secret');
        return { key: wholeKey(issued.key), secret: new Secret(issued.secret) };
      } finally {
        await end().catch(() => {});
      }
    },
    verify: (secret) =>
      ask(
        { method: 'POST', path: ['v1', 'verify'], body: { secret: secret.reveal() }, effect: 'read' },
        wireVerification,
      ),
    whoami: () => ask({ method: 'GET', path: ['v1', 'whoami'], effect: 'read' }, wireIdentity),
    close: () => http.close(),
  };
}

function ifMatch(version: string | null | undefined): NonNullable<Call['headers']> {
  return { 'if-match': version ? `"${version}"` : undefined };
}

function under(idempotencyKey: string | undefined): NonNullable<Call['headers']> {
  return { 'idempotency-key': idempotencyKey };
}

/** What these do is the same however often they are sent. */
function mintCall(action: 'cancel' | 'acknowledge' | 'settle', idempotencyKey: string): Call {
  return { method: 'POST', path: ['v1', 'mint', action], effect: 'set', headers: under(idempotencyKey) };
}

function changedMeanwhile({ requestId }: Answer): KeysError {
  return new KeysError('changed', 'the key was changed by somebody else meanwhile', {
    hint: 'look at it again: keys show',
    requestId,
  });
}

/** A key beside its secret, whatever of it makes sense: an odd field is no reason to lose the secret. */
function wholeKey(key: Record<string, unknown>): Key {
  const fields = Object.entries(wireKey.shape).map(([name, shape]) => {
    const usable = [key[name], null, '', [], {}].find((value) => shape.safeParse(value).success);
    return [name, usable];
  });
  return wireKey.parse(Object.fromEntries(fields));
}

function queryOf(query: KeyQuery, profile: Profile): NonNullable<Call['query']> {
  const namespace = query.namespace === null ? '*' : (query.namespace ?? profile.namespace);
  return {
    namespace: namespace ?? undefined,
    status: query.statuses,
    owner: query.owner,
    role: query.role,
    type: query.type,
    label: Object.entries(query.labels ?? {}).map(([name, value]) => `${name}=${value}`),
    name: query.nameGlob,
    expiresBefore: query.expiresBefore,
    unusedSince: query.unusedSince,
    noExpiry: query.noExpiry,
    limit: query.pageSize ?? pageSize,
    cursor: query.cursor,
  };
}

function hasValues(key: Key, changes: KeyChanges): boolean {
  return Object.entries(changes).every(
    ([field, wanted]) =>
      wanted === undefined || canonical(key[field as keyof KeyChanges]) === canonical(wanted),
  );
}

/** Roles and permissions are sets, labels a map, and a time has several spellings. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return JSON.stringify([...value].sort());
  if (typeof value === 'object' && value !== null) return JSON.stringify(Object.entries(value).sort());
  const time = typeof value === 'string' ? parseTimestamp(value) : null;
  return JSON.stringify(time ?? value);
}
