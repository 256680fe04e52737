/**
 * Zabbix's API tokens (`token.*`), from requests to 6.0.14 and the source of its web interface. A token is made by one call and
 * given its secret by another one, which ends the secret it had before.
 */
import * as z from 'zod/mini';
import type { Profile } from '../config.ts';
import { KeysError, toKeysError } from '../errors.ts';
import { keyOrder } from '../filter.ts';
import type { Answer, Http } from '../http.ts';
import {
  blankKey,
  type Identity,
  type IssuedKey,
  type Key,
  type KeyChanges,
  type KeyService,
  type KeyStatus,
  type NewKey,
  type Verification,
} from '../keys.ts';
import { Secret } from '../secret.ts';
import { shellArgument } from '../text.ts';
import {
  asksExpiry,
  beforeMint,
  distinct,
  nothingWith,
  requireFuture,
  requireNoCursor,
  requirePlainName,
  requireReadable,
  statusByExpiry,
} from './foreign.ts';
import type { DriverParts } from './index.ts';
import { zabbixCapabilities as capabilities } from './zabbix-capabilities.ts';
import { type Ask, openRpc, rpcError } from './zabbix-rpc.ts';

const { title } = capabilities;

/** Every value is text on the wire, numbers too. */
const digits = z.pipe(
  z.union([z.int(), z.string().check(z.regex(/^\d+$/))]),
  z.transform((value) => String(value)),
);
const number = z.catch(z.nullish(digits), null);
const token = z.object({
  tokenid: digits,
  name: z.string(),
  description: z.catch(z.nullish(z.string()), null),
  userid: number,
  lastaccess: number,
  status: number,
  expires_at: z.catch(z.nullish(digits), 'unreadable'),
  created_at: number,
});
type Token = z.infer<typeof token>;
const user = z.object({ userid: digits, username: z.string() });
const touched = z.object({ tokenids: z.array(digits) });

const enabled = 0;
const disabled = 1;
/** Zabbix reads 007 as 7. */
const idForm = /^(0|[1-9]\d{0,18})$/;
const secretForm = /^[0-9a-f]{64}$/;
const longestSeconds = 2 ** 31 - 1;
/** RFC 3339 has years of four digits. */
const lastMs = Date.parse('9999-12-31T23:59:59.999Z');

const unknown: Verification = { valid: false, reason: 'unknown', key: null };
const nobody: Identity = { id: null, name: null, owner: null, namespace: null, roles: [] };

export function zabbix(http: Http, profile: Profile, { now, credential }: DriverParts): KeyService {
  const rpc = openRpc(http, profile);

  function ask<T>(
    method: string,
    params: unknown,
    shape: z.ZodMiniType<T>,
    { effect = 'read', as = credential, errorOf = rpcError }: Partial<Ask> = {},
  ): Promise<T> {
    return rpc.ask({ method, params, effect, as, errorOf }, shape);
  }

  function toKey(wire: Token, names: ReadonlyMap<string, string>): Key {
    const expiresAt = timeOf(wire.expires_at);
    const { userid } = wire;
    return {
      ...blankKey,
      id: wire.tokenid,
      name: wire.name,
      description: wire.description || null,
      owner: userid ? (names.get(userid) ?? userid) : null,
      status: statusOf(wire.status, expiresAt, now()),
      createdAt: timeOf(wire.created_at),
      expiresAt,
      lastUsedAt: timeOf(wire.lastaccess),
      ...(userid && { extra: { userId: userid } }),
    };
  }

  /** Tokens under their owners' names; where those may not be seen, under their numbers. */
  async function keysFor(
    params: object,
    { as = credential, errorOf = rpcError, byExpiry = false } = {},
  ): Promise<Key[]> {
    const wires = await ask('token.get', { output: 'extend', ...params }, z.array(token), { as, errorOf });
    const userids = [...new Set(wires.map(({ userid }) => userid))].filter((id) => typeof id === 'string');
    const users = userids.length === 0 ? [] : await usersWith({ userids }, as).catch(() => []);
    const names = new Map(users.map(({ userid, username }) => [userid, username]));
    return wires.map((wire) => {
      const key = toKey(wire, names);
      if (byExpiry && Number(wire.expires_at) !== 0) requireReadable(key, wire.expires_at);
      return key;
    });
  }

  function usersWith(params: object, as = credential): Promise<z.infer<typeof user>[]> {
    return ask('user.get', { output: ['userid', 'username'], ...params }, z.array(user), { as });
  }

  async function get(id: string): Promise<Key> {
    requireId(id);
    const [key] = await keysFor({ tokenids: [id] });
    if (key) return key;
    throw nothingWith(title, id);
  }

  async function useridOf(owner: string): Promise<string> {
    const [found] = await usersWith({ filter: { username: [owner] } });
    if (found) return found.userid;
    if (idForm.test(owner)) return owner;
    throw new KeysError('invalid', `Zabbix has no user '${owner}', or does not show it to you`);
  }

  async function create(key: NewKey): Promise<IssuedKey> {
    requirePlainName(key.name);
    const fields = {
      name: key.name,
      ...(key.description !== undefined && { description: key.description }),
      ...(key.owner !== undefined && { userid: await beforeMint(useridOf(key.owner)) }),
      ...(key.expiresAt && { expires_at: secondsOf(key.expiresAt, now()) }),
    };
    await beforeMint(rpc.prepare());
    const made = await ask('token.create', fields, touched, { effect: 'once', errorOf: mintError });
    const [id] = made.tokenids;
    if (id === undefined)
      throw new KeysError('bad_response', 'Zabbix may have made the token, but its answer names none');
    // The secret comes last, so that nothing is left to do while only this process has it.
    const shown = await get(id).catch(() => unseen(id, key));
    const secret = await generate(id).catch((error: unknown) => {
      const { code, message } = toKeysError(error);
      throw new KeysError(
        code === 'bad_response' ? code : 'outcome_unknown',
        `Zabbix made the token ${id}, and then: ${message}`,
        { hint: `nobody can use that token: keys revoke ${shellArgument(id)}`, cause: error, mintedId: id },
      );
    });
    return { key: shown, secret };
  }

  /** What is known of a token that was made and cannot be looked at. */
  function unseen(id: string, { name, description, owner, expiresAt }: NewKey): Key {
    const known = { description: description || null, owner: owner ?? null, expiresAt: expiresAt ?? null };
    return { ...blankKey, id, name, ...known, status: 'active' };
  }

  async function generate(id: string): Promise<Secret> {
    const shape = z.array(z.object({ tokenid: digits, token: z.string().check(z.minLength(1)) }));
    const given = await ask('token.generate', [id], shape, { effect: 'once', errorOf: mintError });
    const secret = given.find(({ tokenid }) => tokenid === id)?.token;
    if (secret !== undefined) return new Secret(secret);
    throw new KeysError('bad_response', `${title} gave the token ${id} no secret that can be found`, {
      hint: `what was its secret may be dead: keys regenerate ${shellArgument(id)}`,
    });
  }

  async function update(id: string, changes: object): Promise<Key> {
    requireId(id);
    await ask('token.update', { tokenid: id, ...changes }, touched, { effect: 'set' });
    return get(id).catch((cause: unknown) => {
      const message = `the token ${id} was changed, and then: ${toKeysError(cause).message}`;
      throw new KeysError('outcome_unknown', message, { hint: `keys show ${shellArgument(id)}`, cause });
    });
  }

  async function edit(id: string, { name, description, expiresAt }: KeyChanges): Promise<Key> {
    if (name !== undefined) requirePlainName(name);
    return update(id, {
      ...(name !== undefined && { name }),
      ...(description !== undefined && { description: description ?? '' }),
      ...(expiresAt !== undefined && { expires_at: expiresAt === null ? 0 : secondsOf(expiresAt, now()) }),
    });
  }

  async function revoke(id: string): Promise<void> {
    requireId(id);
    let goneAlready = false;
    const errorOf = (answer: Answer) => {
      const error = rpcError(answer);
      goneAlready = answer.repeated && error?.code === 'not_found';
      return error;
    };
    await ask('token.delete', [id], touched, { effect: 'set', errorOf }).catch((error: unknown) => {
      if (!goneAlready) throw error;
    });
  }

  /** The secret itself is used, which is the only proof; why it is refused is what an administrator may ask. */
  async function verify(secret: Secret): Promise<Verification> {
    const text = secret.reveal();
    if (!secretForm.test(text)) return unknown;
    const params = { token: text };
    let code = null as KeysError['code'] | null;
    // Zabbix refuses with status 200: another one is of something on the way, and says nothing of a secret.
    const errorOf = (answer: Answer) => {
      const error = rpcError(answer);
      code = answer.status < 400 && error ? error.code : null;
      return error;
    };
    await rpc.prepare();
    try {
      const [key] = await keysFor(params, { as: secret, errorOf });
      if (key) return verdictOn(key);
    } catch (error) {
      if (code !== 'unauthenticated' && code !== 'forbidden') throw error;
    }
    const [key] = credential ? await keysFor(params) : [];
    // Zabbix looks at who asks before it looks at what they may.
    if (code === 'forbidden') return key ? verdictOn(key) : { valid: true, reason: null, key: null };
    const verdict = key ? verdictOn(key) : unknown;
    // A key that looks good may be refused for its owner, who has been disabled.
    return verdict.valid && code === 'unauthenticated' ? unknown : verdict;
  }

  /** A token knows itself; of a session only the user is told. */
  async function whoami(): Promise<Identity> {
    const text = credential?.reveal() ?? '';
    if (secretForm.test(text)) {
      const [key] = await keysFor({ token: text });
      return { ...nobody, id: key?.id ?? null, name: key?.name ?? null, owner: key?.owner ?? null };
    }
    const params = { sessionid: text, extend: false };
    const shape = z.object({ username: z.string() });
    const { username } = await ask('user.checkAuthentication', params, shape, { as: null });
    return { ...nobody, name: username, owner: username };
  }

  return {
    capabilities,
    create,
    async list(query) {
      requireNoCursor(title, query.cursor);
      const byExpiry = asksExpiry(query);
      const keys = await keysFor({ sortfield: 'tokenid', sortorder: 'DESC' }, { byExpiry });
      return { keys: distinct(title, keys).sort(keyOrder('createdAt:desc')), nextCursor: null };
    },
    get,
    edit,
    disable: (id) => update(id, { status: disabled }),
    enable: (id) => update(id, { status: enabled }),
    async regenerate(id) {
      const key = await get(id);
      return { key, secret: await generate(id) };
    },
    revoke,
    verify,
    whoami,
    close: () => http.close(),
  };
}

/** An error that the service cannot name leaves open what it has done. */
function mintError(answer: Answer): KeysError | null {
  const error = rpcError(answer);
  if (error?.code !== 'unavailable' || answer.status >= 400) return error;
  return new KeysError('outcome_unknown', `Zabbix may or may not have done it: ${error.message}`, {
    hint: 'look before trying again: keys list',
  });
}

function verdictOn(key: Key): Verification {
  const { status } = key;
  if (status === null || status === 'active') return { valid: true, reason: null, key };
  return { valid: false, reason: status, key };
}

function statusOf(status: Token['status'], expiresAt: string | null, nowMs: number): KeyStatus | null {
  if (status === String(disabled)) return 'disabled';
  return status === String(enabled) ? statusByExpiry(expiresAt, nowMs) : null;
}

/** Seconds since 1970 as a time; 0 is never. */
function timeOf(seconds: string | null | undefined): string | null {
  const ms = Number(seconds ?? 0) * 1000;
  return ms > 0 && ms <= lastMs ? new Date(ms).toISOString() : null;
}

/** Throws `invalid` for what has passed, and for what the service's 32 bits do not hold. Never later than asked. */
function secondsOf(expiresAt: string, nowMs: number): number {
  requireFuture(expiresAt, nowMs);
  const seconds = Math.floor(Date.parse(expiresAt) / 1000);
  if (seconds <= longestSeconds) return seconds;
  throw new KeysError('invalid', `Zabbix keeps no expiry as late as ${expiresAt}`, {
    hint: 'the last one is 2038-01-19T03:14:07Z; --expires never is none',
  });
}

function requireId(id: string): void {
  if (!idForm.test(id)) throw nothingWith(title, id);
}
