/** How KubeVision is told who asks: an API key in a header, or an access token that a refresh token renews. */
import * as z from 'zod/mini';
import type { Profile } from '../config.ts';
import { KeysError } from '../errors.ts';
import type { Http } from '../http.ts';
import type { Prompt } from '../prompt.ts';
import { Secret } from '../secret.ts';
import { type LoginProfile, loginAgain, onlyOnce } from './foreign.ts';
import type { DriverParts } from './index.ts';
import { codeOf, dataOf, errorOf } from './kubevision-envelope.ts';

export interface Session {
  /** The headers for the next call. */
  headers(): Promise<Record<string, Secret>>;
  /** Whether the access token can be renewed. */
  readonly renewable: boolean;
  /** Renews the access token, unless that was done since these headers were had. */
  renew(refused: Record<string, Secret>): Promise<void>;
  /** Renews an access token that may be about to end, for a call that cannot be sent twice. */
  freshen(): Promise<void>;
}

const freshMs = 60_000;
const tokens = z.object({ accessToken: z.string(), refreshToken: z.catch(z.nullish(z.string()), null) });
const kept = z.object({ refreshToken: z.string() });

export function openSession(http: Http, profile: Profile, parts: DriverParts): Session {
  const { credential, now, know, renewCredential } = parts;
  if (!credential) return fixed({});
  const text = credential.reveal();
  if (!text.startsWith('{')) return fixed(headerFor(credential, profile.authScheme));

  know(refreshTokenIn(text, profile));
  let access: { header: Secret; sinceMs: number } | null = null;

  let renewing: Promise<Secret> | null = null;

  /** Calls that meet an ended token at once share one renewal: a second one would present a refresh token that has gone. */
  function renew(): Promise<Secret> {
    renewing ??= exchange().finally(() => {
      renewing = null;
    });
    return renewing;
  }

  async function exchange(): Promise<Secret> {
    let header: Secret | undefined;
    // The token as it is kept by now: another command may have renewed it.
    await renewCredential(async (current) => {
      const refreshToken = know(refreshTokenIn(current.reveal(), profile));
      const answer = await http.call({
        method: 'POST',
        path: ['auth', 'refresh'],
        body: { refreshToken: refreshToken.reveal() },
        ...onlyOnce,
        finishes: true,
        errorOf: (said) => loginEnded(errorOf(said), profile),
      });
      const found = dataOf(answer, tokens);
      know(new Secret(found.accessToken));
      header = new Secret(`Bearer ${found.accessToken}`);
      access = { header, sinceMs: now() };
      if (!found.refreshToken || found.refreshToken === refreshToken.reveal()) return null;
      know(new Secret(found.refreshToken));
      return know(credentialWith(found.refreshToken));
    });
    if (!header) throw new KeysError('unexpected', 'the login at KubeVision was not renewed');
    return header;
  }

  return {
    renewable: true,
    headers: async () => ({ authorization: access?.header ?? (await renew()) }),
    async renew({ authorization }) {
      if (access?.header === authorization) await renew();
    },
    async freshen() {
      if (!access || now() - access.sinceMs > freshMs) await renew();
    },
  };
}

function loginEnded(error: KeysError | null, profile: LoginProfile): KeysError | null {
  if (error?.code !== 'unauthenticated') return error;
  return new KeysError('unauthenticated', 'the login at KubeVision has ended', {
    hint: loginAgain(profile),
    requestId: error.requestId,
  });
}

function fixed(headers: Record<string, Secret>): Session {
  const nothing = async () => {};
  return { renewable: false, renew: nothing, freshen: nothing, headers: async () => headers };
}

/** A key as the source mints them goes where the source wants it, unless the profile says otherwise. */
function headerFor(credential: Secret, scheme: Profile['authScheme']): Record<string, Secret> {
  const text = credential.reveal();
  const chosen = scheme ?? (text.startsWith('kv_') ? 'x-api-key' : 'bearer');
  if (chosen === 'x-api-key') return { 'x-api-key': credential };
  return { authorization: new Secret(`${chosen === 'apikey' ? 'ApiKey' : 'Bearer'} ${text}`) };
}

function refreshTokenIn(text: string, profile: LoginProfile): Secret {
  try {
    return new Secret(kept.parse(JSON.parse(text)).refreshToken);
  } catch {
    throw new KeysError('invalid', 'the credential is not what a login at KubeVision keeps', {
      hint: loginAgain(profile),
    });
  }
}

function credentialWith(refreshToken: string): Secret {
  return new Secret(JSON.stringify({ refreshToken }));
}

const secondFactorNeeded = 40102;
const secondFactorWrong = 40103;
const codesAllowed = 3;

/** Username and password, and the code of the second factor when the service asks for one. */
export async function kubeVisionLogin(
  http: Http,
  prompt: Prompt,
  know: DriverParts['know'],
): Promise<Secret> {
  const username = await prompt.input('KubeVision username');
  const password = know(await prompt.password('KubeVision password'));
  const answer = await http.call({
    method: 'POST',
    path: ['auth', 'login'],
    body: { username, password: password.reveal() },
    ...onlyOnce,
    errorOf: (said) => (codeOf(said) === secondFactorNeeded ? null : errorOf(said)),
  });
  const found = codeOf(answer) === secondFactorNeeded ? await secondFactor() : dataOf(answer, tokens);
  if (found.refreshToken) return know(credentialWith(found.refreshToken));
  throw answer.nonsense('KubeVision let you in and gave no refresh token to keep');

  async function secondFactor(): Promise<z.infer<typeof tokens>> {
    const { tempToken } = dataOf(answer, z.object({ tempToken: z.string() }));
    for (let attempt = 1; ; attempt++) {
      const code = await prompt.input('Code of the second factor');
      const verified = await http.call({
        method: 'POST',
        path: ['auth', '2fa', 'verify'],
        body: { tempToken, code: code.trim() },
        ...onlyOnce,
        errorOf: (said) =>
          codeOf(said) === secondFactorWrong && attempt < codesAllowed ? null : errorOf(said),
      });
      if (codeOf(verified) !== secondFactorWrong) return dataOf(verified, tokens);
    }
  }
}
