/** What drivers have in common, above all those of other people's services. */
import { isDeepStrictEqual } from 'node:util';
import type * as z from 'zod/mini';
import { requireVerb } from '../capabilities.ts';
import type { Profile } from '../config.ts';
import { KeysError } from '../errors.ts';
import type { Answer } from '../http.ts';
import type { Capabilities, Key, KeyQuery, KeyService, Verb } from '../keys.ts';
import { shellArgument, terminalSafe } from '../text.ts';
import { parseTimestamp } from '../time.ts';

/** Every verb refused in the service's name; a driver spreads this first and adds what its service can do. */
export function unsupportedVerbs(capabilities: Capabilities): Pick<KeyService, Verb> {
  const refuse = (verb: Verb) => async (): Promise<never> => {
    requireVerb(capabilities, verb);
    throw new Error(`${capabilities.title}: the driver promises '${verb}' and lacks it`);
  };
  return {
    create: refuse('create'),
    list: refuse('list'),
    get: refuse('get'),
    edit: refuse('edit'),
    disable: refuse('disable'),
    enable: refuse('enable'),
    regenerate: refuse('regenerate'),
    revoke: refuse('revoke'),
    verify: refuse('verify'),
    whoami: refuse('whoami'),
  };
}

/** What an answer says, in this shape. Throws `bad_response`, naming the place that makes no sense and never its content. */
export function shaped<T>(answer: Answer, shape: z.ZodMiniType<T>): T {
  const result = shape.safeParse(answer.json());
  if (result.success) return result.data;
  const place = result.error.issues[0]?.path.join('.');
  throw answer.nonsense(`the service's answer makes no sense${place ? ` at ${terminalSafe(place)}` : ''}`);
}

/** An RFC 3339 time with any fraction, as UTC with milliseconds; `null` for anything else. */
export function utcTime(text: unknown): string | null {
  if (typeof text !== 'string') return null;
  const ms = parseTimestamp(text.replace(/(\.\d{9})\d+/, '$1'));
  return ms === null ? null : new Date(ms).toISOString();
}

/** Whether a list is asked for by when keys expire. */
export function asksExpiry({ expiresBefore, noExpiry }: KeyQuery): boolean {
  return expiresBefore !== undefined || noExpiry === true;
}

/**
 * Throws `bad_response` for an expiry that is there and is no time. Keys are shown, and revoked, all the same; but a list by expiry
 * that took it for none would say what is not true.
 */
export function requireReadable({ name, expiresAt }: Key, said: unknown, hint: string | null = null): void {
  if (expiresAt !== null || said === null || said === undefined || said === '' || isZeroTime(said)) return;
  throw new KeysError('bad_response', `when ${name} expires is told in a form that cannot be read`, { hint });
}

/** What Go writes for no time at all. */
function isZeroTime(said: unknown): boolean {
  return typeof said === 'string' && said.startsWith('0001-01-01T00:00:00');
}

/** Each key once. Throws `bad_response` for two with one id: one of them would not be seen. */
export function distinct(title: string, keys: readonly Key[]): Key[] {
  const byId = new Map<string, Key>();
  for (const key of keys) {
    const other = byId.get(key.id);
    if (other && !isDeepStrictEqual(other, key))
      throw new KeysError('bad_response', `the list of ${title} has two entries with the id '${key.id}'`);
    byId.set(key.id, key);
  }
  return [...byId.values()];
}

/** Active until it expires, on a service that knows no other end but deletion. */
export function statusByExpiry(expiresAt: string | null, nowMs: number): 'active' | 'expired' {
  return expiresAt !== null && Date.parse(expiresAt) <= nowMs ? 'expired' : 'active';
}

/** Throws `invalid` for an expiry that is no time, or not in the future. */
export function requireFuture(expiresAt: string, nowMs: number): void {
  const ms = parseTimestamp(expiresAt);
  if (ms === null) throw new KeysError('invalid', `'${expiresAt}' is not a time`);
  if (ms <= nowMs) throw new KeysError('invalid', `the expiry ${expiresAt} has already passed`);
}

/** What an error without a word of its own says. */
export function unexplained(status: number): string {
  return `the service answered with status ${status} and no explanation`;
}

export function nothingWith(title: string, id: string, cause?: KeysError): KeysError {
  return new KeysError('not_found', `nothing in ${title} has the id '${id}'`, { cause });
}

export function changedMeanwhile(name: string): KeysError {
  return new KeysError('changed', `somebody else has changed ${name} meanwhile`, {
    hint: 'look at it with keys show, then decide again',
  });
}

/** Throws `invalid` for a cursor: the list of a service that does not page has one page. */
export function requireNoCursor(title: string, cursor: string | undefined): void {
  if (cursor !== undefined)
    throw new KeysError('invalid', `${title} lists everything at once and gives no cursor`);
}

/** Throws `invalid` for a name that is blank, or has characters that no terminal shows. */
export function requirePlainName(name: string): void {
  if (name.trim() === '') throw new KeysError('invalid', 'the name of a key is not blank');
  if (terminalSafe(name) !== name)
    throw new KeysError('invalid', 'the name of a key has no control or invisible characters');
}

/** A login, or the renewal of one: no key is touched, and still no password or token is to be presented twice. */
export const onlyOnce = { effect: 'read', attempts: 1 } as const;

/** How to get a login again: of a profile that the environment makes, nothing can be kept. */
export function loginAgain({ name, origin }: LoginProfile, more = ''): string {
  return origin === 'environment'
    ? 'put one that works in KEYS_TOKEN_FILE or KEYS_TOKEN'
    : `keys auth login -p ${name}${more}`;
}

export type LoginProfile = Pick<Profile, 'name'> & Partial<Pick<Profile, 'origin'>>;

/** What fails before a mint is sent leaves no doubt: nothing was minted. Throws `unavailable` for what would leave one. */
export function beforeMint<T>(work: Promise<T>): Promise<T> {
  return work.catch((error: unknown) => {
    const open = error instanceof KeysError && doubtful.includes(error.code);
    if (!open) throw error;
    const { message, hint, requestId, retryAfterMs } = error;
    throw new KeysError('unavailable', `nothing was created: ${message}`, {
      cause: error,
      requestId,
      retryAfterMs,
      hint: error.code === 'timeout' ? hint : null,
    });
  });
}

const doubtful: readonly KeysError['code'][] = ['timeout', 'bad_response', 'outcome_unknown'];

/** A key was made and its secret is not in the answer; `aside` says what a person can do about that. */
export function noSecret(title: string, id: string, answer: Answer, aside = ''): KeysError {
  return new KeysError(
    'bad_response',
    `${title} made the key ${id} and gave no secret that can be found${aside}`,
    {
      hint: `nobody can use that key: keys revoke ${shellArgument(id)}`,
      requestId: answer.requestId,
      mintedId: id,
    },
  );
}
