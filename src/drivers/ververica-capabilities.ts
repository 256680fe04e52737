/** What Ververica Platform can do, and what a profile may say of an installation that can do more. */
import type { Profile } from '../config.ts';
import { KeysError } from '../errors.ts';
import type { Capabilities } from '../keys.ts';

const base: Capabilities = {
  title: 'Ververica Platform',
  verbs: ['create', 'list', 'get', 'revoke'],
  fields: ['namespace', 'roles'],
  editable: [],
  filters: ['namespace'],
  pages: false,
  grace: false,
  idempotentMint: false,
  untold: ['owner', 'expiresAt', 'lastUsedAt'],
  instead: {
    edit: 'a token never changes: create another one, then keys revoke this one',
    disable: 'keys revoke ends a token for good',
    enable: 'a token cannot be disabled either; keys create makes a new one',
    regenerate: 'keys rotate creates a successor and revokes the old token',
    verify: 'use the secret in a request to the platform',
    whoami: 'keys list tells whether the credential works',
  },
  notes: [
    'the interface of v3 offers an expiry date and a new secret for the same token; neither is published for programs',
  ],
};

export interface VervericaSettings {
  /** The field of a token that holds its expiry. */
  readonly expiryField: string | null;
  readonly regenerate: { readonly method: string; path(namespace: string, name: string): string } | null;
}

/** Throws `invalid` for a setting that cannot be meant. */
export function ververicaSettings({ settings = {} }: Pick<Profile, 'settings'>): VervericaSettings {
  const { expiryField, regenerate } = settings;
  if (expiryField !== undefined && !/^[A-Za-z][A-Za-z0-9]*$/.test(expiryField))
    throw new KeysError('invalid', `the setting expiryField names a field, and '${expiryField}' is none`);
  return {
    expiryField: expiryField ?? null,
    regenerate: regenerate === undefined ? null : routeOf(regenerate),
  };
}

/** `POST /apitokens/v1/namespaces/{namespace}/apitokens/{token}:regenerate` or whatever the installation has. */
function routeOf(text: string): VervericaSettings['regenerate'] {
  const [, method = '', path = ''] = /^(POST|PUT|PATCH) (\/[^\s?#]+)$/.exec(text) ?? [];
  const parts = path.split(/\{[^{}/]+\}/);
  const [first, second, third, ...others] = parts;
  if (first === undefined || second === undefined || third === undefined || others.length > 0) {
    throw new KeysError('invalid', `the setting regenerate is a method and a path, and '${text}' is not`, {
      hint: "as /swagger.json has it, namespace first: 'POST /…/{namespace}/…/{token}…'",
    });
  }
  return {
    method,
    path: (namespace, name) => [first, encodeURIComponent(namespace), second, name, third].join(''),
  };
}

export function ververicaCapabilities(profile?: Pick<Profile, 'settings'>): Capabilities {
  if (!profile?.settings) return base;
  const { expiryField, regenerate } = ververicaSettings(profile);
  return {
    ...base,
    verbs: regenerate ? [...base.verbs, 'regenerate'] : base.verbs,
    ...(expiryField && { fields: [...base.fields, 'expiresAt'], untold: ['owner', 'lastUsedAt'] }),
  };
}
