/**
 * CloudCasa's apikeys, from the vendor's OpenAPI 3.0.0 document ("Archimedes APIs", 2023), its API guide and its own
 * end-to-end tests; a Python Eve server, so documents have an `_etag`, which travels unquoted, and lists have `_items`.
 */
import * as z from 'zod/mini';
import type { Profile } from '../config.ts';
import { codeForStatus, KeysError } from '../errors.ts';
import { keyOrder } from '../filter.ts';
import { httpDate } from '../http/http-date.ts';
import { type Answer, type Call, type Http, hintFor } from '../http.ts';
import {
  blankKey,
  type IssuedKey,
  type Key,
  type KeyChanges,
  type KeyService,
  type MintOptions,
  type NewKey,
} from '../keys.ts';
import { Secret } from '../secret.ts';
import { count } from '../text.ts';
import { cloudCasaCapabilities as capabilities } from './cloudcasa-capabilities.ts';
import { everyItem } from './cloudcasa-pages.ts';
import { type Acl, acl as aclShape, aclsWith, cloudCasaRoles, isForEverything } from './cloudcasa-roles.ts';
import {
  beforeMint,
  changedMeanwhile,
  noSecret,
  nothingWith,
  requireNoCursor,
  requirePlainName,
  shaped,
  unexplained,
  unsupportedVerbs,
} from './foreign.ts';

const { title } = capabilities;

const text = z.catch(z.nullish(z.string()), null);
const apiKey = z.object({
  _id: z.string(),
  _etag: text,
  _created: text,
  name: z.string(),
  description: text,
  tags: z.catch(z.nullish(z.record(z.string(), z.unknown())), null),
  cc_user_email: text,
  snippet: text,
  org_role: text,
  /** `false` for rules that cannot be read. */
  acls: z.catch(
    z.pipe(
      z.nullish(z.array(aclShape)),
      z.transform((acls): Acl[] | false => acls ?? []),
    ),
    false,
  ),
});
type ApiKey = z.infer<typeof apiKey>;

/** What a client may change of a document. */
type Changes = Partial<Pick<ApiKey, 'name' | 'description' | 'tags'>> & { acls?: Acl[] };

const keysPath = ['apikeys'];
const usualSecretFields = ['apikey', 'api_key', 'key', 'token', 'secret'];

export function cloudCasa(http: Http, profile: Profile): KeyService {
  const { secretField, aclResource = 'allresources', orgRole } = profile.settings ?? {};
  const roles = cloudCasaRoles(() => everyItem(ask, ['roles']));
  /** Documents as they were last shown, so that a change made elsewhere can be told from one in the way. */
  const shown = new Map<string, ApiKey>();

  function ask(call: Call): Promise<Answer> {
    return http.call({ errorOf, ...call });
  }

  async function toKey(wire: ApiKey): Promise<Key> {
    return keyFrom(wire, roleIds(wire).length > 0 ? await roles.names() : (id) => id);
  }

  function keyFrom(wire: ApiKey, nameOf: (roleId: string) => string): Key {
    shown.set(wire._id, wire);
    const { acls } = wire;
    const tags = Object.entries(wire.tags ?? {});
    const createdMs = wire._created ? httpDate(wire._created) : null;
    return {
      ...blankKey,
      id: wire._id,
      name: wire.name,
      description: wire.description || null,
      owner: wire.cc_user_email || null,
      roles: roleIds(wire).map(nameOf),
      permissions: permissionsOf(wire),
      // A key works until it is deleted.
      status: 'active',
      // It has at most five characters.
      lastFour: wire.snippet?.slice(-4) || null,
      createdAt: createdMs === null ? null : new Date(createdMs).toISOString(),
      labels: Object.fromEntries(tags.map(([name, value]) => [name, labelText(value)])),
      version: wire._etag || null,
      extra: {
        orgRole: wire.org_role ?? null,
        acls: acls
          ? acls.map((each) => ({ ...each, ...(each.roles && { roles: each.roles.map(nameOf) }) }))
          : null,
      },
    };
  }

  async function create(key: NewKey, { like }: MintOptions = {}): Promise<IssuedKey> {
    requireName(key.name);
    const body: Record<string, unknown> = {
      name: key.name,
      ...(key.description !== undefined && { description: key.description }),
      ...(key.labels && { tags: key.labels }),
      ...(orgRole !== undefined && { org_role: orgRole }),
    };
    if (like === undefined) {
      const { roles: names = [], permissions = [] } = key;
      const acl = aclsWith(aclResource, await beforeMint(roles.ids(names)), permissions);
      if (acl.length > 0) body.acls = acl;
    } else Object.assign(body, await beforeMint(rightsOf(like)));
    const call = { method: 'POST', path: keysPath, body, effect: 'once', attempts: 1 } as const;
    const answer = await ask(call).catch(async (error: unknown) => {
      throw await withCount(error);
    });
    const made = z.record(z.string(), z.unknown()).parse(objectIn(answer));
    // The answer may hold no more than what the service itself has added.
    const wire = apiKey.safeParse({ ...body, ...made, name: key.name });
    if (!wire.success) throw answer.nonsense('CloudCasa may have made the key, but its answer names none');
    const candidates = secretsIn(made, wire.data.snippet);
    const [secret] = candidates;
    if (secret !== undefined && candidates.length === 1) {
      // Whatever goes wrong from here on must not lose the secret.
      const shownKey = await toKey(wire.data).catch(() => keyFrom(wire.data, (id) => id));
      return { key: shownKey, secret: new Secret(secret) };
    }
    const told = 'the setting secretField says where it is';
    throw noSecret(
      title,
      wire.data._id,
      answer,
      secret === undefined ? ` (${told})` : `: several texts may be it; ${told}`,
    );
  }

  /** The vendor does not say how the organisation's limit shows, so every refusal of a new key tells how many there are. */
  async function withCount(error: unknown): Promise<unknown> {
    const refusals = ['invalid', 'forbidden', 'conflict', 'quota_exceeded', 'not_found'];
    if (!(error instanceof KeysError) || !refusals.includes(error.code)) return error;
    const keys = await everyItem(ask, keysPath, '-_created').catch(() => null);
    if (keys === null) return error;
    const { maxActiveKeys = 10 } = capabilities;
    const full = keys.length >= maxActiveKeys;
    return new KeysError(full ? 'quota_exceeded' : error.code, error.message, {
      hint: `${count(keys.length, 'API key')} exist${keys.length === 1 ? 's' : ''}; an organisation may have ${maxActiveKeys}, on the Free plan one or none${full ? ': keys revoke makes room' : ''}`,
      requestId: error.requestId,
      cause: error,
    });
  }

  /** What may be the secret; where that is more than one text, nobody can tell which is. */
  function secretsIn(made: Record<string, unknown>, snippet: string | null | undefined): string[] {
    const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';
    const named = secretField === undefined ? null : made[secretField];
    if (isText(named)) return [named];
    const found = unique(usualSecretFields.map((field) => made[field]).filter(isText)).filter(
      (value) => value !== snippet,
    );
    // The snippet is the tail of the secret; where several fields look right, it tells which is.
    const fitting = found.filter((value) => snippet && value.endsWith(snippet));
    return fitting.length > 0 ? fitting : found;
  }

  /** What a key may do, as the service says it: a successor may do the same, for the same resources. */
  async function rightsOf(id: string): Promise<object> {
    const document = z.record(z.string(), z.unknown()).parse(objectIn(await answerOn(id)));
    const { acls, org_role } = document;
    return { ...(acls != null && { acls }), ...(org_role != null && { org_role }) };
  }

  async function read(id: string): Promise<ApiKey> {
    return shaped(await answerOn(id), apiKey);
  }

  function answerOn(id: string): Promise<Answer> {
    return ask({
      method: 'GET',
      path: [...keysPath, id],
      effect: 'read',
      errorOf: (said) => {
        const error = errorOf(said);
        // What cannot be an id of the service is no key of it.
        return error?.code === 'invalid' || error?.code === 'not_found'
          ? nothingWith(title, id, error)
          : error;
      },
    });
  }

  async function edit(id: string, changes: KeyChanges, version?: string | null): Promise<Key> {
    if (changes.name !== undefined) requireName(changes.name);
    const before = shown.get(id);
    for (let attempt = 1; ; attempt++) {
      const current = await read(id);
      const wanted = await bodyOf(changes, current);
      const body = differing(wanted, current);
      const done = Object.keys(body).length === 0;
      // After a lost answer the new version may be our own doing.
      if (done && attempt > 1) return toKey(current);
      if (version && current._etag !== version) {
        const known = before?._etag === version ? before : null;
        if (!known || overlaps(wanted, known, current)) throw changedMeanwhile(current.name);
      }
      if (done) return toKey(current);
      if (attempt > 2) throw changedMeanwhile(current.name);
      const answer = await patch(current, body);
      if (!answer) continue;
      const said = z.looseObject({ _etag: z.string() }).safeParse(answer.jsonOrNull()).data;
      const changed = said && apiKey.safeParse({ ...current, ...body, ...said }).data;
      if (changed) return toKey(changed);
      // Only the key itself tells whether it was done.
      const found = await read(id);
      if (Object.keys(differing(body, found)).length === 0) return toKey(found);
      throw answer.nonsense("CloudCasa's answer to a change makes no sense, and the key has not changed");
    }
  }

  /** `null` when the key was not as it had been read, or that may be so. */
  async function patch(current: ApiKey, body: Changes): Promise<Answer | null> {
    try {
      return await ask({
        method: 'PATCH',
        path: [...keysPath, current._id],
        headers: { 'if-match': current._etag ?? undefined },
        body,
        effect: 'set',
      });
    } catch (error) {
      if (!(error instanceof KeysError)) throw error;
      if (error.code === 'changed') return null;
      if (error.code !== 'outcome_unknown') throw error;
      const now = await read(current._id).catch(() => {
        throw error;
      });
      if (Object.keys(differing(body, now)).length > 0) throw error;
      return null;
    }
  }

  async function bodyOf(
    { name, description, labels, ...sets }: KeyChanges,
    current: ApiKey,
  ): Promise<Changes> {
    const body: Changes = {};
    if (name !== undefined) body.name = name;
    if (description !== undefined) body.description = description ?? '';
    if (labels !== undefined) body.tags = labels;
    if (sets.roles === undefined && sets.permissions === undefined) return body;
    const hint = 'change its roles in CloudCasa, or create another key';
    const { acls } = current;
    if (!acls)
      throw new KeysError(
        'bad_response',
        `the access rules of ${current.name} are told in a form that cannot be read, and would be lost`,
        { hint },
      );
    if (!acls.every((each) => isForEverything(each, aclResource))) {
      throw new KeysError(
        'unsupported',
        `${current.name} has roles for some resources only, which would be lost`,
        { hint },
      );
    }
    const ids = sets.roles ? await roles.ids(sets.roles) : roleIds(current);
    const permissions = sets.permissions ?? permissionsOf(current);
    body.acls = aclsWith(aclResource, ids, permissions);
    return body;
  }

  async function revoke(id: string, version?: string | null): Promise<void> {
    for (let attempt = 1; attempt <= 2; attempt++) {
      const current = await read(id);
      if (version && current._etag !== version) throw changedMeanwhile(current.name);
      const answer = await ask({
        method: 'DELETE',
        path: [...keysPath, id],
        headers: { 'if-match': current._etag ?? undefined },
        effect: 'set',
        errorOf: (said) =>
          said.status === 412 || (said.status === 404 && said.repeated) ? null : errorOf(said),
      });
      if (answer.status !== 412) return;
    }
    throw changedMeanwhile(id);
  }

  return {
    ...unsupportedVerbs(capabilities),
    capabilities,
    create,
    async list({ cursor }) {
      requireNoCursor(title, cursor);
      const items = await everyItem(ask, keysPath, '-_created');
      const keys: Key[] = [];
      for (const { item, answer } of items) {
        const wire = apiKey.safeParse(item);
        if (!wire.success)
          throw answer.nonsense(`CloudCasa's list makes no sense at ${wire.error.issues[0]?.path.join('.')}`);
        keys.push(await toKey(wire.data));
      }
      return { keys: keys.sort(keyOrder('createdAt:desc')), nextCursor: null };
    },
    get: async (id) => toKey(await read(id)),
    edit,
    revoke,
    close: () => http.close(),
  };
}

/** Errors have `_error.message`; the shape of a validation error is not published. */
function errorOf(answer: Answer): KeysError | null {
  const { status } = answer;
  if (status < 400) return null;
  const none = { _error: { message: '' } };
  const said = z.catch(z.object({ _error: z.object({ message: z.string() }) }), none);
  const message = said.parse(answer.jsonOrNull())._error.message.trim();
  const code = codeForStatus(status);
  return new KeysError(code, message || unexplained(status), {
    hint: hintFor(code, message),
  });
}

function objectIn(answer: Answer): unknown {
  const body = answer.json();
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body;
  throw answer.nonsense("CloudCasa's answer is no document");
}

function requireName(name: string): void {
  requirePlainName(name);
  if ([...name].length > 128)
    throw new KeysError('invalid', 'the name of a CloudCasa key has at most 128 characters');
}

/** Whether somebody else has changed what is to be changed now. */
function overlaps(wanted: Changes, before: ApiKey, current: ApiKey): boolean {
  return Object.keys(wanted).some((field) => {
    const name = field as keyof Changes;
    return !same(before[name], current[name]) && !same(wanted[name], current[name]);
  });
}

function differing(wanted: Changes, current: ApiKey): Partial<Changes> {
  const different = Object.entries(wanted).filter(
    ([field, value]) => !same(value, current[field as keyof Changes]),
  );
  return Object.fromEntries(different);
}

/** Absent, null and empty are the same to this service. */
function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(plain(a)) === JSON.stringify(plain(b));
}

function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 0 ? '' : value.map(plain);
  if (typeof value !== 'object' || value === null) return value ?? '';
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return entries.length === 0 ? '' : entries.map(([name, part]) => [name, plain(part)]);
}

function labelText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function roleIds({ acls }: ApiKey): string[] {
  return unique((acls || []).flatMap((each) => each.roles ?? []));
}

function permissionsOf({ acls }: ApiKey): string[] {
  return unique((acls || []).flatMap((each) => each.permissions ?? []));
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)];
}
