/** What a service can do, as its mapping file shows: which calls are there, and what they say of a key. */
import { KeysError } from '../../errors.ts';
import type { Capabilities, KeyChanges, KeyField, Verb } from '../../keys.ts';
import { nearest } from '../../text.ts';
import { durationText, parseDuration } from '../../time.ts';
import { changes, fields } from './any.ts';
import { givenAs } from './load.ts';
import type { CallMapping, Mapping } from './mapping.ts';
import { type Template, variablesOf } from './template.ts';

const calls = ['create', 'edit', 'disable', 'enable', 'regenerate', 'revoke', 'verify', 'whoami'] as const;

export function capabilitiesFrom(mapping: Mapping): Capabilities {
  const verbs: Verb[] = ['list', 'get', ...calls.filter((verb) => mapping[verb] !== undefined)];
  const { maxActiveKeys, revoke, create, edit, key } = mapping;
  const named = create === undefined || uses(create).has('name');
  return {
    title: mapping.title,
    verbs,
    fields: fields.filter((field) => create && saysField(create, field)) satisfies KeyField[],
    editable: changes.filter((field) => edit && saysField(edit, field)) satisfies (keyof KeyChanges)[],
    filters: [],
    pages: mapping.list.paging !== undefined,
    grace: false,
    idempotentMint: false,
    untold: (['owner', 'lastUsedAt'] as const).filter((field) => key[field] === undefined),
    ...(maxActiveKeys !== undefined && { maxActiveKeys }),
    ...(!named && { nameless: true }),
    ...(revoke?.delay !== undefined && { revocationDelayMs: parseDuration(revoke.delay) }),
    instead: insteadOf(mapping, verbs),
    notes: notesOf(mapping, named),
  };
}

function saysField(call: CallMapping, field: string): boolean {
  return uses(call).has(field) || (field === 'roles' && uses(call).has('role'));
}

/** The variables that a call uses. */
export function uses({ path, query, headers, body }: CallMapping): Set<string> {
  const parts = [path, query, headers, body] as readonly (Template | undefined)[];
  return new Set(parts.flatMap((part) => variablesOf(part)));
}

function insteadOf({ instead = {} }: Mapping, verbs: readonly Verb[]): Partial<Record<Verb, string>> {
  const can = (...wanted: Verb[]) => wanted.every((verb) => verbs.includes(verb));
  const exchange = can('create', 'revoke')
    ? 'create another key, then keys revoke this one'
    : 'use the web interface of the service';
  const all: Record<Verb, string> = {
    create: 'create it in the web interface of the service',
    list: '',
    get: '',
    edit: exchange,
    disable: can('revoke') ? 'keys revoke ends a key for good' : 'use the web interface of the service',
    enable: exchange,
    regenerate: can('create', 'revoke')
      ? 'keys rotate creates a successor and revokes the old key'
      : 'use the web interface of the service',
    revoke: 'use the web interface of the service',
    verify: 'use the secret in a request to the service',
    whoami: 'keys list tells whether the credential works',
    reveal: can('create', 'revoke')
      ? 'a new secret: keys rotate'
      : can('regenerate')
        ? 'a new secret: keys regenerate'
        : 'use the web interface of the service',
    audit: 'use the web interface of the service',
  };
  const missing = (Object.keys(all) as Verb[]).filter((verb) => !verbs.includes(verb));
  return Object.fromEntries(
    missing.map((verb) => [verb, (instead as Partial<Record<Verb, string>>)[verb] ?? all[verb]]),
  );
}

function notesOf({ title, key, revoke, create, notes = [] }: Mapping, named: boolean): string[] {
  const hidden = typeof key.id === 'object' && key.id.isSecret;
  const requires = create?.requires ?? [];
  return [
    ...(named ? [] : [`${title} keeps no name for a key`]),
    ...(requires.length > 0
      ? [`a new key needs: ${requires.map((field) => optionOf[field]).join(', ')}`]
      : []),
    ...(hidden ? [`${title} names a key by its secret; the id shown is a hash of it`] : []),
    ...(revoke?.delay === undefined
      ? []
      : [`a revoked key may still work for ${durationText(parseDuration(revoke.delay))}`]),
    ...notes,
  ];
}

export const optionOf: Readonly<Record<(typeof fields)[number], string>> = {
  description: '--description',
  type: '--type',
  roles: '--role',
  permissions: '--permission',
  apiVersion: '--api-version',
  expiresAt: '--expires',
  owner: '--owner',
  labels: '--label',
};

/** The settings of a mapping as a profile gives them. Throws `invalid` for one that is missing or that nobody knows. */
export function settingsFrom(
  { title, settings = {} }: Mapping,
  given: Readonly<Record<string, string>>,
): Record<string, string> {
  const known = Object.keys(settings);
  const unknown = Object.keys(given).find((name) => name !== 'mapping' && !known.includes(name));
  if (unknown !== undefined) {
    const near = nearest(unknown, known);
    throw new KeysError('invalid', `the mapping of ${title} has no setting '${unknown}'`, {
      hint: near
        ? `did you mean '${near}'?`
        : known.length > 0
          ? `its settings: ${known.join(', ')}`
          : 'it has none',
    });
  }
  return Object.fromEntries(
    Object.entries(settings).map(([name, { about, default: usual }]) => {
      const value = given[name] ?? usual;
      if (value !== undefined) return [`setting.${name}`, value];
      throw new KeysError('invalid', `the profile has no setting '${name}': ${about}`, {
        hint: givenAs(`--set ${name}=…`, 'KEYS_SETTINGS'),
      });
    }),
  );
}
