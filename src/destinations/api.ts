/** The HTTP interface of somewhere that secrets are kept. */
import { codeForStatus, KeysError } from '../errors.ts';
import type { Answer, Call, Http, HttpOptions } from '../http.ts';
import { Secret } from '../secret.ts';
import type { DestinationContext } from './index.ts';

export interface ApiOptions
  extends Pick<
    HttpOptions,
    'baseUrl' | 'caFile' | 'clientCertFile' | 'clientKeyFile' | 'pem' | 'serverName' | 'env'
  > {
  /** What it is called in messages. */
  readonly name: string;
  /** Sent with every call. */
  readonly headers: Readonly<Record<string, string | Secret | undefined>>;
  /** What it says of an error, out of its answer's body; `null` when nothing. */
  reasonOf(body: Readonly<Record<string, unknown>>): string | null;
  /** What to do when it refuses the credential or the permission, and when it cannot be reached or trusted. */
  readonly hints: { readonly refused: string; readonly address: string };
}

export interface Api {
  /** Throws an error named after the place; an answer with a status in `expected` is none. */
  call(call: Omit<Call, 'errorOf'> & { readonly expected?: readonly number[] }): Promise<Answer>;
  close(): Promise<void>;
}

export async function openApi(context: DestinationContext, options: ApiOptions): Promise<Api> {
  const { name, headers, reasonOf, hints } = options;
  const { createHttp } = await import('../http.ts');
  const { signal, redactor, timeoutMs = 30_000, trace } = context;
  let http: Http;
  try {
    http = createHttp({
      ...options,
      env: options.env ?? context.env,
      credential: null,
      signal,
      redactor,
      timeoutMs,
      trace,
    });
  } catch (error) {
    throw named(error);
  }

  /** The error in the place's own terms: what helps with a key service does not help here. */
  function named(error: unknown): unknown {
    if (!(error instanceof KeysError)) return error;
    const { code, message, cause, requestId, retryAfterMs } = error;
    const refused = code === 'unauthenticated' || code === 'forbidden';
    const unreachable = ['invalid', 'unavailable', 'timeout', 'untrusted', 'bad_response'].includes(code);
    const hint = refused ? hints.refused : unreachable ? hints.address : null;
    const known = message.startsWith(name) ? message : `${name}: ${message}`;
    return new KeysError(code, known, { hint, cause, requestId, retryAfterMs });
  }

  return {
    async call({ expected = [], ...call }) {
      try {
        return await http.call({
          ...call,
          headers: { ...headers, ...call.headers },
          errorOf(answer) {
            const { status } = answer;
            if (status < 400 || expected.includes(status)) return null;
            const said = reasonOf(recordOf(answer.jsonOrNull()));
            return new KeysError(
              codeForStatus(status),
              `${name} answered ${status}${said ? `: ${said}` : ''}`,
            );
          },
        });
      } catch (error) {
        throw named(error);
      }
    },
    close: () => http.close(),
  };
}

/** Opened when first asked for, and again after it was closed. */
export function lazyApi(open: () => Promise<Api>): { use(): Promise<Api>; close(): Promise<void> } {
  let api: Promise<Api> | null = null;
  return {
    use() {
      api ??= open();
      return api;
    },
    async close() {
      const opened = api;
      api = null;
      await opened?.then((each) => each.close()).catch(() => {});
    },
  };
}

/** An object out of foreign JSON; empty when it is none. */
export function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};
}

export function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

/** The value of an `Authorization` header. */
export function bearer(token: Secret): Secret {
  return new Secret(`Bearer ${token.reveal()}`);
}

/** The credential out of the first variable that is set, known to the redactor. Throws `unauthenticated`. */
export function tokenFrom(
  { env, redactor }: DestinationContext,
  names: readonly string[],
  hint: string,
): Secret {
  const text = names.map((name) => env[name]?.trim()).find(Boolean);
  if (!text) throw new KeysError('unauthenticated', `${names.join(' or ')} is not set`, { hint });
  return redactor.know(new Secret(text));
}
