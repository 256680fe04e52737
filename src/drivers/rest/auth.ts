/** How the credential goes along with a call. */
import { KeysError } from '../../errors.ts';
import { Secret } from '../../secret.ts';
import type { Mapping } from './mapping.ts';

/** What a credential may be named in a body; a body is never shown. */
export interface CredentialValues {
  readonly credential?: string;
  readonly 'credential.user'?: string;
  readonly 'credential.password'?: string;
}

/** Throws `invalid` for a credential that is not of the form the scheme takes. */
export function authHeaders(
  auth: Mapping['auth'] = 'bearer',
  credential: Secret | null,
  know: (secret: Secret) => Secret,
): Record<string, Secret> {
  if (!credential) return {};
  const text = credential.reveal();
  if (typeof auth === 'object') return { [auth.header]: know(new Secret((auth.prefix ?? '') + text)) };
  switch (auth) {
    case 'x-api-key':
      return { 'x-api-key': credential };
    case 'apikey':
      return { authorization: new Secret(`ApiKey ${text}`) };
    case 'bearer':
      return { authorization: new Secret(`Bearer ${text}`) };
    case 'basic': {
      // A body may have it alone, and an answer repeat it.
      know(new Secret(userAndPassword(text)[1]));
      const encoded = know(new Secret(Buffer.from(text).toString('base64')));
      return { authorization: new Secret(`Basic ${encoded.reveal()}`) };
    }
  }
}

export function credentialValues(credential: Secret | null, basic: boolean): CredentialValues {
  if (!credential) return {};
  const text = credential.reveal();
  if (!basic) return { credential: text };
  const [user, password] = userAndPassword(text);
  return { credential: text, 'credential.user': user, 'credential.password': password };
}

function userAndPassword(text: string): [string, string] {
  const colon = text.indexOf(':');
  if (colon > 0) return [text.slice(0, colon), text.slice(colon + 1)];
  throw new KeysError('invalid', 'the credential for this service is a user name and a password', {
    hint: "put it in with a colon between them, as user:password: 'keys auth login', or KEYS_TOKEN",
  });
}
