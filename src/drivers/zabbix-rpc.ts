/** Zabbix's JSON-RPC: one address for everything, HTTP 200 for errors too, and the truth in `error`. */
import * as z from 'zod/mini';
import type { Profile } from '../config.ts';
import { codeForStatus, type ErrorCode, KeysError, loginHint } from '../errors.ts';
import { type Answer, type Call, type Http, hintFor, pageBytes } from '../http.ts';
import { Secret } from '../secret.ts';
import { shaped, unexplained } from './foreign.ts';

const endpoint = 'api_jsonrpc.php';
const envelope = z.object({ jsonrpc: z.literal('2.0') });
const failure = z.object({
  error: z.object({
    code: z.int(),
    message: z.catch(z.string(), ''),
    data: z.catch(z.string(), ''),
  }),
});

export interface Ask extends Pick<Call, 'effect' | 'attempts' | 'errorOf'> {
  readonly method: string;
  readonly params: unknown;
  /** Who asks; `null` for the methods that refuse to be told. */
  readonly as: Secret | null;
}

export interface Rpc {
  /** Finds out how this service is told who asks, once. */
  prepare(): Promise<void>;
  /** The `result`. Throws what `errorOf` says. */
  ask<T>(ask: Ask, shape: z.ZodMiniType<T>): Promise<T>;
}

export function openRpc(http: Http, { url }: Pick<Profile, 'url'>): Rpc {
  const path = new URL(url).pathname.endsWith(`/${endpoint}`) ? [] : [endpoint];
  let takesHeader: Promise<boolean> | null = null;

  async function send(
    { method, params, effect, attempts, errorOf = rpcError }: Ask,
    proof: Proof,
  ): Promise<Answer> {
    return http.call({
      method: 'POST',
      path,
      headers: proof.headers,
      body: { jsonrpc: '2.0', method, params, ...proof.body, id: 1 },
      effect,
      errorOf,
      maxBytes: pageBytes,
      attempts: effect === 'once' ? 1 : attempts,
    });
  }

  function inHeader(): Promise<boolean> {
    takesHeader ??= version().then(([major, minor]) => major > 6 || (major === 6 && minor >= 4));
    return takesHeader;
  }

  /** Until 6.2 the credential is read from the body only; 6.4 and later read the header, and 7.2 takes no other. */
  async function proofOf(credential: Secret): Promise<Proof> {
    if (await inHeader()) return { headers: { authorization: new Secret(`Bearer ${credential.reveal()}`) } };
    return { body: { auth: credential.reveal() } };
  }

  async function version(): Promise<[number, number]> {
    const ask: Ask = { method: 'apiinfo.version', params: [], effect: 'read', as: null };
    const answer = await send(ask, {});
    const [, major, minor] = /^(\d{1,4})\.(\d{1,4})\./.exec(resultOf(answer, z.string())) ?? [];
    if (major !== undefined && minor !== undefined) return [Number(major), Number(minor)];
    throw answer.nonsense('the service does not say which version of Zabbix it is');
  }

  return {
    prepare: async () => void (await inHeader()),
    ask: async (ask, shape) => resultOf(await send(ask, ask.as ? await proofOf(ask.as) : {}), shape),
  };
}

interface Proof {
  readonly headers?: Readonly<Record<string, Secret>>;
  readonly body?: { readonly auth: string };
}

function resultOf<T>(answer: Answer, shape: z.ZodMiniType<T>): T {
  return shaped(answer, z.extend(envelope, { result: shape })).result;
}

/** The error an answer stands for, or `null`. */
export function rpcError(answer: Answer): KeysError | null {
  const found = failure.safeParse(answer.jsonOrNull()).data?.error;
  if (!found) {
    if (answer.status < 400) return null;
    const code = codeForStatus(answer.status);
    return new KeysError(code, unexplained(answer.status), { hint: hintFor(code) });
  }
  const said = (found.data || found.message).trim().replace(/\.$/, '') || 'the service gave no explanation';
  const code = codeOf(found.code, said);
  return new KeysError(code, `${said} (code ${found.code})`, { hint: hints[code] ?? null });
}

/**
 * -32602 and -32500 stand for a wrong parameter as well as for a wrong credential, a name that is taken and a token that is not
 * there; only the text tells, which the API gives in English whatever the user's language.
 */
function codeOf(number: number, said: string): ErrorCode {
  const told = texts.find(([pattern]) => pattern.test(said));
  if (told && (number === -32602 || number === -32500)) return told[1];
  if (number === -32602 || number === -32600 || number === -32700) return 'invalid';
  return number === -32601 ? 'unsupported' : 'unavailable';
}

const texts: readonly [RegExp, ErrorCode][] = [
  [/^Not authori[sz]ed$/, 'unauthenticated'],
  [/^Session terminated/, 'unauthenticated'],
  [/^API token expired$/, 'unauthenticated'],
  [/^Incorrect user name or password/, 'unauthenticated'],
  [/^No permissions to referred object or it does not exist/, 'not_found'],
  [/^No permissions to call /, 'forbidden'],
  [/^You do not have permission/, 'forbidden'],
  [/^API token ".*" already exists for userid /s, 'conflict'],
];

const hints: Partial<Record<ErrorCode, string>> = {
  unauthenticated: loginHint,
  forbidden: "the user's role has to allow the API, and to manage API tokens",
  unsupported: 'Zabbix has API tokens since 5.4',
};
