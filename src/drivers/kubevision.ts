/**
 * KubeVision's api-keys, from its public source (August 2026), which differs from its documentation: three operations, no
 * pages, numeric ids, HTTP 200 also for errors.
 */
import * as z from 'zod/mini';
import type { Profile } from '../config.ts';
import { KeysError } from '../errors.ts';
import { type Answer, type Call, type Http, pageBytes } from '../http.ts';
import { blankKey, type IssuedKey, type Key, type KeyService, type NewKey } from '../keys.ts';
import { Secret } from '../secret.ts';
import {
  asksExpiry,
  beforeMint,
  distinct,
  noSecret,
  nothingWith,
  requireFuture,
  requireNoCursor,
  requirePlainName,
  requireReadable,
  statusByExpiry,
  unsupportedVerbs,
  utcTime,
} from './foreign.ts';
import type { DriverParts } from './index.ts';
import { kubeVisionCapabilities as capabilities } from './kubevision-capabilities.ts';
import { codeOf, dataOf, errorOf } from './kubevision-envelope.ts';
import { openSession } from './kubevision-session.ts';

const { title } = capabilities;

const text = z.catch(z.nullish(z.string()), null);
/** An id is a number; one that a number cannot hold has come as its digits. */
const apiKey = z.object({
  id: z.pipe(
    z.union([z.int(), z.string().check(z.regex(/^\d+$/))]),
    z.transform((id) => String(id)),
  ),
  name: z.string(),
  keyPrefix: text,
  expiresAt: z.unknown(),
  createdAt: text,
});
/** Of an answer with a secret only the id is needed besides: an odd field is no reason to lose it. */
const made = z.extend(apiKey, { name: text, key: text });

export function kubeVision(http: Http, profile: Profile, parts: DriverParts): KeyService {
  const { now } = parts;
  const session = openSession(http, profile, parts);

  function toKey(wire: z.infer<typeof apiKey>): Key {
    const expiresAt = utcTime(wire.expiresAt);
    return {
      ...blankKey,
      id: wire.id,
      name: wire.name,
      prefix: wire.keyPrefix || null,
      status: statusByExpiry(expiresAt, now()),
      createdAt: utcTime(wire.createdAt),
      expiresAt,
    };
  }

  /** An access token that ends in between is renewed, and the call sent again, where that does no harm. */
  async function ask(call: Call): Promise<Answer> {
    const send = (headers: Record<string, Secret>) => http.call({ errorOf, ...call, headers });
    const headers = await session.headers();
    try {
      return await send(headers);
    } catch (error) {
      const refused = error instanceof KeysError && error.code === 'unauthenticated';
      if (!refused || !session.renewable || call.effect === 'once') throw error;
    }
    await session.renew(headers);
    return send(await session.headers());
  }

  async function list(byExpiry = false): Promise<Key[]> {
    const answer = await ask({ method: 'GET', path: ['api-keys'], effect: 'read', maxBytes: pageBytes });
    const keys = dataOf(answer, z.nullish(z.array(apiKey))) ?? [];
    const read = keys.map((wire) => {
      const key = toKey(wire);
      if (byExpiry) requireReadable(key, wire.expiresAt);
      return key;
    });
    return distinct(title, read);
  }

  async function create({ name, expiresAt = null }: NewKey): Promise<IssuedKey> {
    requirePlainName(name);
    // The service takes any time, and a key that is dead from the start.
    if (expiresAt !== null) requireFuture(expiresAt, now());
    await beforeMint(session.freshen());
    const answer = await ask({
      method: 'POST',
      path: ['api-keys'],
      body: { name, expiresAt },
      effect: 'once',
      attempts: 1,
      errorOf: mintError,
    });
    const wire = dataOf(answer, made);
    if (!wire.key) throw noSecret(title, wire.id, answer);
    return { key: toKey({ ...wire, name }), secret: new Secret(wire.key) };
  }

  async function revoke(id: string): Promise<void> {
    requireId(id);
    try {
      await ask({
        method: 'DELETE',
        path: ['api-keys', id],
        effect: 'set',
        errorOf: (said) => (said.repeated && codeOf(said) === 40400 ? null : errorOf(said)),
      });
    } catch (error) {
      const open = ['unavailable', 'timeout', 'outcome_unknown'];
      if (!(error instanceof KeysError) || !open.includes(error.code)) throw error;
      // An internal error leaves open whether the key is gone.
      const left = await list().catch(() => {
        throw new KeysError('outcome_unknown', `${id} may or may not be revoked: ${error.message}`, {
          hint: 'the same command can be given again',
          cause: error,
        });
      });
      if (left.some((key) => key.id === id)) throw error;
    }
  }

  return {
    ...unsupportedVerbs(capabilities),
    capabilities,
    create,
    async list(query) {
      requireNoCursor(title, query.cursor);
      return { keys: await list(asksExpiry(query)), nextCursor: null };
    },
    async get(id) {
      requireId(id);
      const found = (await list()).find((key) => key.id === id);
      if (found) return found;
      throw nothingWith(title, id);
    },
    revoke,
    close: () => http.close(),
  };
}

/** After an internal error nobody knows whether the key was made. */
function mintError(answer: Answer): KeysError | null {
  const error = errorOf(answer);
  if (!error || !['unavailable', 'timeout'].includes(error.code) || answer.status >= 500) return error;
  return new KeysError('outcome_unknown', `KubeVision may or may not have made the key: ${error.message}`, {
    hint: 'look before trying again: keys list',
    requestId: error.requestId,
  });
}

function requireId(id: string): void {
  // 007 is no id, though the service would read it as one.
  if (!/^(0|[1-9]\d{0,29})$/.test(id)) throw nothingWith(title, id);
}
