/** What a service cannot do is told before it is asked. */
import { KeysError } from './errors.ts';
import type {
  AdministeredNoun,
  Capabilities,
  FilterName,
  KeyChanges,
  KeyField,
  KeyFilter,
  KeyService,
  NewKey,
  UntoldField,
  Verb,
} from './keys.ts';

const deeds: Record<Verb, string> = {
  create: 'create keys',
  list: 'list keys',
  get: 'show a key',
  edit: 'edit keys',
  disable: 'disable keys',
  enable: 'enable keys',
  regenerate: 'regenerate keys',
  revoke: 'revoke keys',
  verify: 'verify secrets',
  whoami: 'tell who a credential is',
  reveal: 'show a secret again',
  audit: 'show what was done',
};

/** Throws `unsupported`, in the service's name, when it lacks a verb. */
export function requireVerb(capabilities: Capabilities, verb: Verb): void {
  if (!capabilities.verbs.includes(verb)) throw unsupported(capabilities, verb);
}

/** The error of a service that lacks a verb, with the nearest thing it can do. */
export function unsupported({ title, instead }: Capabilities, verb: Verb): KeysError {
  return new KeysError('unsupported', `${title} cannot ${deeds[verb]}`, {
    hint: instead?.[verb] ?? usually[verb] ?? null,
  });
}

/** The nearest thing where the service has nothing nearer. */
const usually: Partial<Record<Verb, string>> = {
  reveal: 'a new secret: keys rotate',
  audit: 'where the service records it, its own interface shows it',
};

/** What a filter goes by, where a service may not tell it. */
const filteredBy: Partial<Record<FilterName, UntoldField>> = {
  owner: 'owner',
  expiresBefore: 'expiresAt',
  noExpiry: 'expiresAt',
  unusedSince: 'lastUsedAt',
};

/** Throws `unsupported` when a filter goes by what the service never tells: nothing could be said of any key. */
export function requireTold(capabilities: Capabilities, filter: KeyFilter): void {
  const { untold = [] } = capabilities;
  for (const [name, value] of Object.entries(filter)) {
    const field = filteredBy[name as FilterName];
    if (value === undefined || field === undefined || !untold.includes(field)) continue;
    const nearest = field === 'lastUsedAt' ? '; keys list --sort createdAt has the oldest first' : '';
    throw new KeysError('unsupported', untoldFact(capabilities, field), {
      hint: `list without that filter${nearest}`,
    });
  }
}

/** That a service never tells something, as a sentence without its full stop. */
export function untoldFact({ title }: Capabilities, field: UntoldField): string {
  return `${title} does not tell ${told[field]}`;
}

const told: Record<UntoldField, string> = {
  owner: 'whose a key is',
  expiresAt: 'when a key expires',
  lastUsedAt: 'when a key was last used',
};

/** Throws `unsupported`, in the service's name, when it administers no such thing. */
export function requireNoun<N extends AdministeredNoun>(
  service: KeyService,
  noun: N,
): NonNullable<KeyService[N]> {
  const found = service[noun];
  if (found) return found;
  const { title } = service.capabilities;
  throw new KeysError('unsupported', `${title} administers no ${noun} through keys`, {
    hint: 'where it has any, its own interface does',
  });
}

/** What people call the fields of a key. */
export const fieldTitles: Readonly<Record<KeyField | keyof KeyChanges, string>> = {
  name: 'name',
  namespace: 'namespace',
  description: 'description',
  type: 'type',
  roles: 'roles',
  permissions: 'permissions',
  apiVersion: 'API version',
  expiresAt: 'expiry',
  owner: 'owner',
  labels: 'labels',
  rateLimit: 'rate limit',
  recoverable: 'recoverable',
};

/** Throws `unsupported` when the service cannot keep one of the fields that are set. */
export function requireFields(
  capabilities: Capabilities,
  key: Partial<NewKey> | KeyChanges,
  verb: 'create' | 'edit',
): void {
  const { title, fields, editable, verbs } = capabilities;
  const known = verb === 'create' ? (['name', ...fields] as const) : editable;
  for (const [name, value] of Object.entries(key)) {
    const field = name as KeyField | keyof KeyChanges;
    // Where keys never expire, `never` is no wish that could go unheard; nor is no limit where there are none.
    const unlimited = value === null && (field === 'expiresAt' || field === 'rateLimit');
    const moot = value === undefined || unlimited;
    if (moot || known.some((each) => each === field)) continue;
    const what = fieldTitles[field];
    const words = known.map((each) => fieldTitles[each]).join(', ');
    if (field === 'recoverable') throw unsupported(capabilities, 'reveal');
    if (verb === 'create')
      throw new KeysError('unsupported', `${title} keeps no ${what} for a key`, {
        hint: `it keeps: ${words}`,
      });
    const settable = field === 'name' || fields.includes(field);
    const exchange = settable && verbs.includes('create') && verbs.includes('revoke');
    throw new KeysError('unsupported', `${title} cannot change the ${what} of a key`, {
      hint: `it can change: ${words}${exchange ? '; or create another key, then keys revoke this one' : ''}`,
    });
  }
}
