/** Any REST key service, as its mapping file describes it. Nothing here knows a vendor. */
import type { Profile } from '../../config.ts';
import { KeysError } from '../../errors.ts';
import { keyOrder } from '../../filter.ts';
import { type Answer, type Call, type Http, pageBytes } from '../../http.ts';
import {
  blankKey,
  type IssuedKey,
  type Key,
  type KeyChanges,
  type KeyService,
  type MintOptions,
  type NewKey,
  type Verification,
} from '../../keys.ts';
import { Secret } from '../../secret.ts';
import {
  asksExpiry,
  beforeMint,
  changedMeanwhile,
  noSecret,
  nothingWith,
  requireNoCursor,
  requireReadable,
  unsupportedVerbs,
} from '../foreign.ts';
import type { DriverParts } from '../index.ts';
import { authHeaders, type CredentialValues, credentialValues } from './auth.ts';
import { capabilitiesFrom, optionOf, settingsFrom, uses } from './capabilities.ts';
import { answerError } from './errors.ts';
import { find, findText, textOf } from './expression.ts';
import { fieldOf, hashedId, keptValues, rawValue, toKey, valuesOf, wireId } from './fields.ts';
import type { CallMapping, Mapping } from './mapping.ts';
import { everyItem, placeIn } from './paging.ts';
import { render, renderPath, type Template, type Values, variablesOf } from './template.ts';

const unknown: Verification = { valid: false, reason: 'unknown', key: null };

export interface RestService extends KeyService {
  /** The first page of the list, as it came. */
  firstPage(): Promise<Answer>;
}

/** Throws `invalid` for settings and a credential that the mapping cannot do with. */
export function restService(mapping: Mapping, http: Http, profile: Profile, parts: DriverParts): RestService {
  const { title, key: fields, errors = {} } = mapping;
  const { credential, know, now } = parts;
  const capabilities = capabilitiesFrom(mapping);
  const settings = settingsFrom(mapping, profile.settings ?? {});
  const auth = profile.authScheme ?? mapping.auth;
  const idField = fieldOf(fields, 'id');
  const idForm = idField.pattern === undefined ? null : new RegExp(`^(?:${idField.pattern})$`);
  const { origin, pathname } = new URL(profile.url);
  const base = origin + pathname.replace(/\/+$/, '');
  const administrator = presenting(credential);

  interface Presented {
    readonly headers: Record<string, Secret>;
    readonly values: CredentialValues;
  }

  function presenting(secret: Secret | null): Presented {
    return { headers: authHeaders(auth, secret, know), values: credentialValues(secret, auth === 'basic') };
  }

  interface Asked extends Pick<Call, 'effect' | 'attempts' | 'maxBytes' | 'errorOf'> {
    readonly values?: Values;
    /** Who asks, where that is not the administrator. */
    readonly as?: Presented;
    /** An address that the service gave, in place of path and query. */
    readonly link?: string;
  }

  async function ask(
    call: CallMapping,
    { values = {}, as = administrator, link, ...rest }: Asked,
  ): Promise<Answer> {
    const all = { ...settings, ...values };
    const url = base + renderPath(call.path, all);
    const given = { ...mapping.headers, ...call.headers } as Readonly<Record<string, Template>>;
    const headers = render(given, all) as Record<string, string | undefined>;
    return http.call({
      method: call.method,
      path: link === undefined ? url : linkFrom(url, link),
      ...(link === undefined && { query: render((call.query ?? {}) as Template, all) as Call['query'] }),
      ...(call.body !== undefined && { body: render(call.body as Template, { ...as.values, ...all }) }),
      // A mapping that puts a secret to verify where the credential goes means that secret.
      headers: { ...as.headers, ...headers },
      errorOf: (answer) => errorOf(call, answer),
      ...rest,
    });
  }

  /** Relative to the address of the call that gave it. Throws `bad_response` for what is no address. */
  function linkFrom(url: string, link: string): string {
    if (URL.canParse(link, url)) return new URL(link, url).href;
    throw new KeysError('bad_response', `${title} gave a link that is no address`);
  }

  function errorOf(call: CallMapping, answer: Answer): KeysError | null {
    return answerError(errors, answer, call.success);
  }

  /** A secret that is there is not thrown away for the status of success that it came with. */
  function mintErrorOf(call: CallMapping & { readonly secret: string }, answer: Answer): KeysError | null {
    const minted = findText(call.secret, answer.jsonOrNull()) !== null;
    return answerError(errors, answer, minted ? undefined : call.success);
  }

  /** The id of an entry as users see it. */
  function shownId(wire: unknown): string | null {
    return shown(wireId(fields, wire));
  }

  /** An id that is a secret is known from here on, so that no text shows it. */
  function shown(id: string | null): string | null {
    if (id === null || !idField.isSecret) return id;
    know(new Secret(id));
    return hashedId(id);
  }

  async function everything(): Promise<{ key: Key; wire: unknown }[]> {
    const idOf = (wire: unknown, answer: Answer) => {
      const id = shownId(wire);
      if (id !== null) return id;
      throw answer.nonsense(`the list of ${title} makes no sense: an entry has no id at '${idField.from}'`);
    };
    const items = await everyItem(mapping, idOf, (values, link) =>
      ask(mapping.list, { values, link, effect: 'read', maxBytes: pageBytes }),
    );
    return items.map(({ id, wire }) => ({ wire, key: toKey(fields, wire, id, now()) }));
  }

  /** Throws `bad_response` for an expiry that the mapping does not understand. */
  function requireExpiries(all: readonly { key: Key; wire: unknown }[]): void {
    const field = fieldOf(fields, 'expiresAt');
    const hint = 'key.expiresAt in its mapping says the form (`time`) and what stands for none (`never`)';
    for (const { key, wire } of all) {
      const said = rawValue(field, wire);
      if (field.never === undefined || String(said) !== String(field.never)) requireReadable(key, said, hint);
    }
  }

  /** A key and what the service says of it. Throws `not_found`, without asking for what cannot be an id. */
  async function read(id: string): Promise<{ key: Key; wire: unknown }> {
    if (idForm && !idForm.test(id)) throw nothingWith(title, id);
    if (!mapping.get) {
      const found = (await everything()).find(({ key }) => key.id === id);
      if (found) return found;
      throw nothingWith(title, id);
    }
    const answer = await ask(mapping.get, { values: { id }, effect: 'read' });
    const wire = find(mapping.get.key ?? '@', answer.json());
    const itsId = shownId(wire);
    if (itsId !== null) return { wire, key: toKey(fields, wire, itsId, now()) };
    throw answer.nonsense(`the answer of ${title} makes no sense: the key has no id at '${idField.from}'`);
  }

  async function create(key: NewKey, { like }: MintOptions = {}): Promise<IssuedKey> {
    const { successor, ...plain } = the('create');
    const replaced = like !== undefined && successor !== undefined ? await beforeMint(read(like)) : null;
    const call = replaced ? { ...plain, body: successor } : plain;
    for (const field of call.requires ?? []) {
      if (key[field] !== undefined && [key[field]].flat().length > 0) continue;
      throw new KeysError('invalid', `${title} makes no key without ${optionOf[field]}`, {
        hint: `add ${optionOf[field]}`,
      });
    }
    requireOneRole(call, key.roles);
    const values = {
      ...valuesOf(fields, key, title, now()),
      ...(replaced && { current: replaced.wire }),
    };
    const errorOfMint = (said: Answer) => mintErrorOf(call, said);
    const answer = await ask(call, { values, effect: 'once', attempts: 1, errorOf: errorOfMint });
    const body = answer.json();
    const wire = find(call.key ?? '@', body);
    const id = shownId(wire);
    const secret = findText(call.secret, body);
    if (secret === null) {
      if (id !== null) throw noSecret(title, id, answer, ` at '${call.secret}'`);
      throw answer.nonsense(
        `the answer of ${title} to a new key makes no sense: no secret at '${call.secret}'`,
      );
    }
    know(new Secret(secret));
    return { secret: new Secret(secret), key: await made(key, wire, id, answer) };
  }

  /** Throws `invalid` for several roles where the call has room for one. */
  function requireOneRole(call: CallMapping, roles: readonly string[] = []): void {
    if (roles.length > 1 && !uses(call).has('roles'))
      throw new KeysError('invalid', `a key of ${title} has one role`, { hint: 'give --role once' });
  }

  /** The new key, of which only the id has to be there: nothing may lose its secret from here on. */
  async function made(asked: NewKey, wire: unknown, id: string | null, answer: Answer): Promise<Key> {
    const known = id ?? (await onlyOne(asked.name).catch(() => null))?.id ?? null;
    if (known === null)
      throw answer.nonsense(
        `${title} made a key and does not say which: there is no id at '${idField.from}'`,
      );
    if (the('create').readBack || id === null) {
      const again = await read(known).catch(() => null);
      if (again) return again.key;
      return { ...toKey(fields, wire, known, now()), name: capabilities.nameless ? known : asked.name };
    }
    return toKey(fields, wire, known, now());
  }

  async function onlyOne(name: string): Promise<Key | null> {
    const [found, ...others] = (await everything()).filter(({ key }) => key.name === name);
    return found && others.length === 0 ? found.key : null;
  }

  /** What a call on a key can say of it. The key is read where the call needs more than its id. */
  async function targetOf(
    call: CallMapping,
    id: string,
    version: string | null | undefined,
  ): Promise<{ values: Values; current: Awaited<ReturnType<typeof read>> | null }> {
    const used = uses(call);
    const needed = idField.isSecret || used.has('current') || used.has('version') || version != null;
    const current = needed ? await read(id) : null;
    if (!current && idForm && !idForm.test(id)) throw nothingWith(title, id);
    if (current && version != null && current.key.version !== version) {
      throw changedMeanwhile(current.key.name);
    }
    const itsId = current ? (wireId(fields, current.wire) ?? id) : id;
    return {
      current,
      values: {
        id: itsId,
        ...(current && { current: current.wire, version: current.key.version ?? undefined }),
      },
    };
  }

  async function edit(id: string, changes: KeyChanges, version?: string | null): Promise<Key> {
    const call = the('edit');
    const target = await targetOf(call, id, version);
    const current = target.current ?? (call.whole ? await read(id) : null);
    if (current && nothingNew(changes, current.key)) return current.key;
    requireOneRole(call, changes.roles);
    const kept = call.whole && current ? unchanged(call, changes, current) : {};
    const changed = valuesOf(fields, changes as Partial<NewKey>, title, now());
    return change(call, id, { ...kept, ...defined(changed), ...target.values });
  }

  /** A key as it is, for a call that takes it whole. Throws `bad_response` for an expiry that cannot be read: it would be lost. */
  function unchanged(
    call: CallMapping,
    { expiresAt }: KeyChanges,
    current: { key: Key; wire: unknown },
  ): Values {
    if (expiresAt === undefined && uses(call).has('expiresAt')) requireExpiries([current]);
    return keptValues(fields, current.key, now());
  }

  async function change(
    call: CallMapping & { readonly key?: string },
    id: string,
    values: Values,
  ): Promise<Key> {
    const answer = await ask(call, { values, effect: 'set' });
    const wire = call.key === undefined ? null : find(call.key, answer.json());
    const itsId = wire === null ? null : shownId(wire);
    return itsId === null ? (await read(id)).key : toKey(fields, wire, itsId, now());
  }

  async function regenerate(id: string, version?: string | null): Promise<IssuedKey> {
    const call = the('regenerate');
    const { values, current } = await targetOf(call, id, version);
    const errorOfMint = (said: Answer) => mintErrorOf(call, said);
    const answer = await ask(call, { values, effect: 'once', attempts: 1, errorOf: errorOfMint });
    const body = answer.json();
    const secret = findText(call.secret, body);
    if (secret === null)
      throw answer.nonsense(`the answer of ${title} makes no sense: there is no secret at '${call.secret}'`);
    know(new Secret(secret));
    const wire = call.key === undefined ? null : find(call.key, body);
    const itsId = shownId(wire);
    // Whatever goes wrong from here on must not lose the secret.
    const key =
      itsId === null
        ? await read(id).then(
            (again) => again.key,
            () => current?.key ?? { ...blankKey, id, name: id },
          )
        : toKey(fields, wire, itsId, now());
    return { key, secret: new Secret(secret) };
  }

  async function revoke(id: string, version?: string | null): Promise<void> {
    const call = the('revoke');
    if (call.checkFirst && !idField.isSecret && version == null) await read(id);
    const { values } = await targetOf(call, id, version);
    await ask(call, {
      values,
      effect: 'set',
      errorOf: (answer) => (answer.status === 404 && answer.repeated ? null : errorOf(call, answer)),
    });
  }

  async function verify(secret: Secret): Promise<Verification> {
    const call = the('verify');
    const { rejects = [401] } = call;
    know(secret);
    const presented = uses(call).has('secret');
    // What no header can carry is the secret of no key.
    const isInBody = variablesOf(call.body as Template | undefined).includes('secret');
    if (!isInBody && !/^[\x20-\x7e]+$/.test(secret.reveal())) return unknown;
    const answer = await ask(call, {
      effect: 'read',
      values: { secret: secret.reveal() },
      ...(!presented && { as: presenting(secret) }),
      errorOf: (said) => (rejects.includes(said.status) ? null : errorOf(call, said)),
    });
    if (rejects.includes(answer.status)) return unknown;
    const id = shown(findText(call.id, answer.jsonOrNull()));
    // What is not the answer of the service says nothing of the secret.
    if (call.id !== undefined && id === null)
      throw answer.nonsense(
        `the answer of ${title} to a secret makes no sense: there is no id at '${call.id}'`,
      );
    const key = id === null ? null : (await read(id)).key;
    const valid = key === null || key.status === null || key.status === 'active';
    return { valid, reason: valid ? null : (key.status as 'disabled'), key };
  }

  async function whoami() {
    const call = the('whoami');
    const answer = await ask(call, { effect: 'read' });
    const body = answer.json();
    const { id, name, owner, namespace, roles } = call;
    const said = {
      id: shown(findText(id, body)),
      name: findText(name, body),
      owner: findText(owner, body),
      namespace: findText(namespace, body),
    };
    const places = [id, name, owner, namespace].filter((place) => place !== undefined);
    // What is not the answer of the service says nothing of the credential.
    if (places.length > 0 && Object.values(said).every((value) => value === null))
      throw answer.nonsense(
        `the answer of ${title} to who asks makes no sense: there is nothing at '${places.join("', '")}'`,
      );
    return {
      ...said,
      roles: (roles === undefined ? [] : [find(roles, body)].flat())
        .map(textOf)
        .filter((role) => role !== null),
    };
  }

  function the<V extends keyof Mapping>(verb: V): NonNullable<Mapping[V]> {
    return mapping[verb] as NonNullable<Mapping[V]>;
  }

  return {
    ...unsupportedVerbs(capabilities),
    capabilities,
    async list(query) {
      requireNoCursor(title, query.cursor);
      const all = await everything();
      if (asksExpiry(query)) requireExpiries(all);
      const keys = all.map(({ key }) => key);
      return { keys: keys.sort(keyOrder('createdAt:desc')), nextCursor: null };
    },
    get: async (id) => (await read(id)).key,
    ...(mapping.create && { create }),
    ...(mapping.edit && { edit }),
    ...(mapping.disable && {
      disable: async (id: string, version?: string | null) =>
        change(the('disable'), id, (await targetOf(the('disable'), id, version)).values),
    }),
    ...(mapping.enable && {
      enable: async (id: string, version?: string | null) =>
        change(the('enable'), id, (await targetOf(the('enable'), id, version)).values),
    }),
    ...(mapping.regenerate && {
      regenerate: (id: string, _options: unknown, version?: string | null) => regenerate(id, version),
    }),
    ...(mapping.revoke && { revoke }),
    ...(mapping.verify && { verify }),
    ...(mapping.whoami && { whoami }),
    firstPage: () =>
      ask(mapping.list, { values: placeIn(mapping.list.paging), effect: 'read', maxBytes: pageBytes }),
    close: () => http.close(),
  };
}

function defined<T extends object>(values: T): Partial<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>;
}

function nothingNew(changes: KeyChanges, key: Key): boolean {
  return Object.entries(defined(changes)).every(
    ([field, value]) => JSON.stringify(value) === JSON.stringify(key[field as keyof Key]),
  );
}
