/**
 * Ververica Platform, apitokens/v1: four operations, from the vendor's swagger 2.0 file ("Ververica Platform API", 2.0.0), its
 * documentation of 2.12 to v3 and three public clients. The interface of v3 also offers an expiry date and a new secret for
 * the same token, but neither the field nor the route is published, so a profile has to name them.
 */
import * as z from 'zod/mini';
import type { Profile } from '../config.ts';
import { codeForStatus, KeysError } from '../errors.ts';
import { keyOrder } from '../filter.ts';
import { type Answer, type Call, type Http, hintFor, pageBytes } from '../http.ts';
import { blankKey, type IssuedKey, type Key, type KeyService, type NewKey } from '../keys.ts';
import { Secret } from '../secret.ts';
import {
  asksExpiry,
  distinct,
  noSecret,
  nothingWith,
  requireFuture,
  requireNoCursor,
  requireReadable,
  shaped,
  statusByExpiry,
  unexplained,
  unsupportedVerbs,
  utcTime,
} from './foreign.ts';
import type { DriverParts } from './index.ts';
import { ververicaCapabilities, ververicaSettings } from './ververica-capabilities.ts';

const apiToken = z.looseObject({
  name: z.string(),
  role: z.catch(z.nullish(z.string()), null),
  createTime: z.catch(z.nullish(z.string()), null),
});
type ApiToken = z.infer<typeof apiToken>;
const oneToken = z.object({ apiToken });
const allTokens = z.object({ apiTokens: z.nullish(z.array(apiToken)) });

const roles = ['viewer', 'editor', 'owner'];
const nameRule = /^(?!-)[-0-9a-z]{1,63}(?<!-)$/;
const idForm = /^namespaces\/([^/]+)\/apitokens\/([^/]+)$/;

interface Place {
  readonly namespace: string;
  readonly name: string;
}

export function ververica(http: Http, profile: Profile, { now }: DriverParts): KeyService {
  const capabilities = ververicaCapabilities(profile);
  const { title } = capabilities;
  const { expiryField, regenerate } = ververicaSettings(profile);

  /** What a token is called on the wire is also its id here: short names repeat from namespace to namespace. */
  function toKey(token: ApiToken, namespace: string): Key {
    const [, itsNamespace = namespace, name = token.name] = idForm.exec(token.name) ?? [];
    const expiresAt = expiryField ? utcTime(token[expiryField]) : null;
    return {
      ...blankKey,
      id: `namespaces/${itsNamespace}/apitokens/${name}`,
      name,
      namespace: itsNamespace,
      roles: token.role ? [token.role] : [],
      status: statusByExpiry(expiresAt, now()),
      createdAt: utcTime(token.createTime),
      expiresAt,
    };
  }

  async function create(key: NewKey): Promise<IssuedKey> {
    const namespace = namespaceOf(key.namespace);
    requireName(key.name);
    const role = roleOf(key.roles);
    const body: Record<string, unknown> = { name: `namespaces/${namespace}/apitokens/${key.name}`, role };
    if (key.expiresAt && expiryField) {
      requireFuture(key.expiresAt, now());
      body[expiryField] = key.expiresAt;
    }
    const path = ['apitokens', 'v1', 'namespaces', namespace, 'apitokens'];
    const answer = await ask({ method: 'POST', path, body, effect: 'once', attempts: 1 });
    return issued(answer, { namespace, name: key.name });
  }

  async function list(namespace: string, byExpiry = false): Promise<Key[]> {
    const path = ['apitokens', 'v1', 'namespaces', namespace, 'apitokens'];
    const answer = await ask({ method: 'GET', path, effect: 'read', maxBytes: pageBytes });
    const { apiTokens } = shaped(answer, allTokens);
    const keys = (apiTokens ?? []).map((token) => {
      const key = toKey(token, namespace);
      if (expiryField && byExpiry) requireReadable(key, token[expiryField]);
      return key;
    });
    return distinct(title, keys).sort(keyOrder('createdAt:desc'));
  }

  async function get(id: string): Promise<Key> {
    const place = placeOf(id);
    try {
      const answer = await ask({ method: 'GET', path: pathOf(place), effect: 'read' });
      return toKey(shaped(answer, oneToken).apiToken, place.namespace);
    } catch (error) {
      // Some installations say 403 of a token that is not there; the list tells.
      if (!(error instanceof KeysError) || error.code !== 'forbidden') throw error;
      const found = (await list(place.namespace)).find((key) => key.id === id);
      if (found) return found;
      throw new KeysError('not_found', `there is no token ${id}`);
    }
  }

  /** Of an answer with a secret nothing else is needed: an odd field is no reason to lose it. */
  function issued(answer: Answer, { namespace, name }: Place): IssuedKey {
    const id = `namespaces/${namespace}/apitokens/${name}`;
    const token = z.safeParse(z.object({ apiToken: z.looseObject({}) }), answer.json()).data?.apiToken;
    if (!token) throw answer.nonsense("the service's answer to a new token makes no sense at apiToken");
    const { secret } = token;
    if (typeof secret !== 'string' || secret === '') throw noSecret(title, id, answer);
    return { key: toKey(apiToken.parse({ ...token, name: id }), namespace), secret: new Secret(secret) };
  }

  function ask(call: Call): Promise<Answer> {
    return http.call({ errorOf, ...call });
  }

  function namespaceOf(asked: string | null | undefined): string {
    if (asked === null) {
      throw new KeysError('unsupported', `${title} lists the tokens of one namespace at a time`, {
        hint: 'name it: -n <namespace>',
      });
    }
    const namespace = asked ?? profile.namespace;
    if (namespace === null) {
      throw new KeysError('invalid', `${title} keeps its tokens in namespaces, and none is named`, {
        hint: 'name it with -n, KEYS_NAMESPACE, or namespace in the profile',
      });
    }
    if (/^[^/?#%\\\s]+$/.test(namespace) && !/^\.+$/.test(namespace)) return namespace;
    throw new KeysError('invalid', `'${namespace}' is not the name of a namespace`);
  }

  /** Throws `not_found` for what cannot be a token's id, without asking. */
  function placeOf(id: string): Place {
    const [, namespace = '', name = ''] = idForm.exec(id) ?? [];
    if (nameRule.test(name) && !/^\.*$/.test(namespace)) return { namespace, name };
    throw nothingWith(title, id);
  }

  return {
    ...unsupportedVerbs(capabilities),
    capabilities,
    create,
    async list(query) {
      requireNoCursor(title, query.cursor);
      const keys = await list(namespaceOf(query.namespace), asksExpiry(query));
      return { keys, nextCursor: null };
    },
    get,
    async revoke(id) {
      const errorOfDelete: Call['errorOf'] = (answer) =>
        answer.status === 404 && answer.repeated ? null : errorOf(answer);
      const path = pathOf(placeOf(id));
      await ask({ method: 'DELETE', path, effect: 'set', errorOf: errorOfDelete });
    },
    ...(regenerate && {
      async regenerate(id: string) {
        const place = placeOf(id);
        const path =
          new URL(profile.url).pathname.replace(/\/$/, '') + regenerate.path(place.namespace, place.name);
        const call = { method: regenerate.method, path, body: {}, effect: 'once', attempts: 1 } as const;
        return issued(await ask(call), place);
      },
    }),
    close: () => http.close(),
  };
}

function pathOf({ namespace, name }: Place): string[] {
  return ['apitokens', 'v1', 'namespaces', namespace, 'apitokens', name];
}

function requireName(name: string): void {
  if (nameRule.test(name)) return;
  const suggestion = name
    .toLowerCase()
    .replace(/[^0-9a-z]+/g, '-')
    .slice(0, 63)
    .replace(/^-+|-+$/g, '');
  throw new KeysError('invalid', `Ververica Platform does not take the name '${name}'`, {
    hint: `1 to 63 characters of a-z, 0-9 and '-', with no '-' first or last${suggestion ? `; for example ${suggestion}` : ''}`,
  });
}

function roleOf(asked: readonly string[] = []): string {
  const [role, ...others] = asked;
  if (role !== undefined && others.length === 0 && roles.includes(role)) return role;
  const wrong =
    role === undefined
      ? 'none is given'
      : others.length > 0
        ? `${asked.length} are given`
        : `'${role}' is none`;
  throw new KeysError('invalid', `a Ververica Platform token has one role, and ${wrong}`, {
    hint: '--role viewer, --role editor or --role owner',
  });
}

/** Errors are JSON with a `message`; nothing else about them can be relied on. */
function errorOf(answer: Answer): KeysError | null {
  const { status } = answer;
  if (status < 400) return null;
  const said = z.catch(z.object({ message: z.string() }), { message: '' }).parse(answer.jsonOrNull());
  const message = said.message.trim();
  const code = codeForStatus(status);
  return new KeysError(code, message || unexplained(status), {
    hint: hints[code] ?? hintFor(code, message),
  });
}

const hints: Partial<Record<KeysError['code'], string>> = {
  forbidden: 'creating and deleting tokens takes the role owner in the namespace',
};
