/** A user's session at our own service: had for a name and a password, and renewed while it is used. */
import * as z from 'zod/mini';
import { KeysError, toKeysError } from '../errors.ts';
import { type Answer, type Call, type Http, problemError } from '../http.ts';
import { Secret } from '../secret.ts';
import { type LoginProfile, loginAgain, onlyOnce } from './foreign.ts';
import type { DriverParts } from './index.ts';
import { isOwnSession } from './own-session.ts';

const token = z.string().check(z.regex(/^[\x21-\x7e]+$/));
const wireTokens = z.object({ accessToken: token, refreshToken: token, expiresAt: z.string() });
type Tokens = z.infer<typeof wireTokens>;

/** Renewed this long before its end, so that no call comes too late. */
const earlyMs = 60_000;

/** The credential to keep. Throws `unauthenticated`. */
export async function passwordLogin(
  http: Http,
  user: string,
  password: Secret,
  know: DriverParts['know'],
): Promise<Secret> {
  const body = { user, password: password.reveal() };
  const answer = await http.call({ method: 'POST', path: ['v1', 'sessions'], body, ...onlyOnce });
  return credentialWith(tokensOf(answer), know);
}

/** Whatever it is renewed to on the way is kept nowhere. Throws as `EndSession`. */
export async function endSession(
  http: Http,
  session: Secret,
  profile: LoginProfile,
  { now, know }: Pick<DriverParts, 'now' | 'know'>,
): Promise<void> {
  const renewCredential: DriverParts['renewCredential'] = async (exchange) =>
    (await exchange(session)) ?? session;
  const own = withSession(http, profile, { credential: session, now, know, renewCredential });
  await own.call({ method: 'DELETE', path: ['v1', 'sessions', 'current'], effect: 'set', attempts: 1 });
}

/** The same service, each call in the name of the session; as it is where the credential is a key. */
export function withSession(http: Http, profile: LoginProfile, parts: DriverParts): Http {
  const { credential, now, know, renewCredential } = parts;
  if (!credential || !isOwnSession(credential)) return http;
  let tokens = tokensIn(credential, profile);
  let renewing: Promise<void> | undefined;
  /** By a clock that is far ahead, every token has ended; then the service tells. */
  let clockIsFast = false;

  async function renew({ ownTime }: Call): Promise<void> {
    const kept = await renewCredential(async (current) => {
      // Another process was first: a refresh token is good once.
      if (tokensIn(current, profile).refreshToken !== tokens.refreshToken) return null;
      const refreshing = http.call({
        method: 'POST',
        path: ['v1', 'sessions', 'refresh'],
        body: { refreshToken: know(new Secret(tokens.refreshToken)).reveal() },
        effect: 'once',
        attempts: 1,
        finishes: true,
        ownTime,
        errorOf: (said) => ended(problemError(said), profile),
      });
      const answer = await refreshing.catch((error: unknown) => {
        throw unrenewed(error, profile);
      });
      return credentialWith(tokensOf(answer), know);
    });
    tokens = tokensIn(kept, profile);
    clockIsFast ||= isLate();
  }

  function isLate(): boolean {
    return Date.parse(tokens.expiresAt) - now() < earlyMs;
  }

  /** The time it takes is that of the call it is for. */
  function renewOnce(call: Call): Promise<void> {
    renewing ??= renew(call).finally(() => {
      renewing = undefined;
    });
    return renewing;
  }

  function send(call: Call): Promise<Answer> {
    const authorization = know(new Secret(`Bearer ${know(new Secret(tokens.accessToken)).reveal()}`));
    return http.call({ ...call, headers: { authorization, ...call.headers } });
  }

  return {
    async call(call) {
      if (!clockIsFast && isLate()) await renewOnce(call);
      const { accessToken } = tokens;
      try {
        return await send(call);
      } catch (error) {
        const refused = error instanceof KeysError && error.code === 'unauthenticated';
        // Whoever brings a credential of their own is told about that one.
        if (!refused || call.headers?.authorization !== undefined || isWrongPassword(call)) throw error;
      }
      // Nothing was done. The clocks may differ, or another process has renewed it.
      if (accessToken === tokens.accessToken) await renewOnce(call);
      return send(call);
    },
    close: () => http.close(),
  };
}

/** There 401 says something of the password. */
function isWrongPassword({ path }: Call): boolean {
  return Array.isArray(path) && path.at(-1) === 'step-up';
}

function tokensOf(answer: Answer): Tokens {
  const read = wireTokens.safeParse(answer.json());
  if (read.success) return read.data;
  throw answer.nonsense("the service's answer to a login makes no sense");
}

function credentialWith({ accessToken, refreshToken, expiresAt }: Tokens, know: DriverParts['know']): Secret {
  for (const each of [accessToken, refreshToken]) know(new Secret(each));
  return know(new Secret(JSON.stringify({ accessToken, refreshToken, expiresAt })));
}

function tokensIn(credential: Secret, profile: LoginProfile): Tokens {
  try {
    return wireTokens.parse(JSON.parse(credential.reveal()));
  } catch {
    throw new KeysError('invalid', 'the credential is neither a secret nor what a login keeps', {
      hint: loginAgain(profile, ' --user <name>'),
    });
  }
}

function ended(error: KeysError | null, profile: LoginProfile): KeysError | null {
  if (error?.code !== 'unauthenticated') return error;
  const { requestId } = error;
  return new KeysError('unauthenticated', 'this login has ended', {
    hint: loginAgain(profile, ' --user <name>'),
    requestId,
  });
}

/** Nothing that a command is for has been changed then, whatever became of the login. */
function unrenewed(error: unknown, profile: LoginProfile): unknown {
  if (!(error instanceof KeysError && error.code === 'outcome_unknown')) return error;
  const { code, message } = toKeysError(error.cause);
  return new KeysError(code, `this login could not be renewed: ${message}`, {
    hint: `try again; if the login has ended: ${loginAgain(profile, ' --user <name>')}`,
    requestId: error.requestId,
    cause: error,
  });
}
