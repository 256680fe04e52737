/** The HTTP interface of somewhere that secrets are kept. */
import { codeForStatus, type ErrorCode, KeysError } from '../errors.ts';
import type { Answer, Call, Http, HttpOptions } from '../http.ts';
import { Secret } from '../secret.ts';
import { terminalSafe } from '../text.ts';
import { durationText } from '../time.ts';
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
  reasonOf(body: Fields): string | null;
  /** Whether a 403 is no refusal, but a limit of requests that is used up. */
  isLimited?(answer: Answer): boolean;
  readonly hints: {
    /** When it refuses the credential or the permission. */
    readonly refused: string;
    /** When it cannot be reached or trusted, or answers with what makes no sense. */
    readonly address: string;
    /** When something is not there. */
    readonly missing?: string;
    /** When it redirects. */
    readonly moved?: string;
  };
}

export type Fields = Readonly<Record<string, unknown>>;

export interface ApiCall extends Omit<Call, 'errorOf'> {
  /** The statuses by which the place says that it has done what was asked, or that are expected besides; others are errors. */
  readonly answers: readonly number[];
}

export interface ApiAnswer {
  readonly status: number;
  /** The JSON object in the body. Throws `bad_response`. */
  fields(): Fields;
  /** The same, empty where there is none. */
  readonly anyFields: Fields;
  /** False when a number would not survive being written back. */
  readonly lossless: boolean;
  /** The error that it stands for where it is not what was hoped for. */
  refusal(): KeysError;
}

export interface Api {
  /** Throws an error named after the place. */
  call(call: ApiCall): Promise<ApiAnswer>;
  close(): Promise<void>;
}

export async function openApi(context: DestinationContext, options: ApiOptions): Promise<Api> {
  const { name, headers, reasonOf, isLimited, hints } = options;
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
    throw named(error, { hint: hints.address });
  }

  /** What a place says may repeat what it was sent. */
  const safe = (text: string) => terminalSafe(redactor.redact(text)).slice(0, 500);

  /** The error in the place's own terms: most of what helps with a key service does not help here. */
  function named(error: unknown, { hint = hintFor(error) } = {}): unknown {
    if (!(error instanceof KeysError) || error === signal.reason) return error;
    const { code, message, cause, requestId, retryAfterMs } = error;
    return new KeysError(code, message.startsWith(name) ? message : `${name}: ${message}`, {
      hint,
      cause,
      requestId,
      retryAfterMs,
    });
  }

  function hintFor(error: unknown): string | null {
    if (!(error instanceof KeysError)) return null;
    const { code, message, hint, retryAfterMs } = error;
    const asksToWait = retryAfterMs !== null && code !== 'outcome_unknown';
    const isOwn = message.startsWith(`${name} answered`) || asksToWait || code === 'invalid';
    if (isOwn) return hint;
    if (message.endsWith('redirects are not followed')) return hints.moved ?? hints.address;
    return addressed.has(code) ? hints.address : null;
  }

  /** What an answer with another status than those wanted stands for. */
  function refusal(answer: Answer): KeysError {
    const { status } = answer;
    const said = reasonOf(recordOf(answer.jsonOrNull()));
    const message = safe(`${name} answered ${status}${said ? `: ${said}` : ''}`);
    if (status < 400) return new KeysError('bad_response', message, { hint: hints.address });
    if (status === 403 && isLimited?.(answer)) {
      const seconds = Number(answer.header('retry-after') ?? Number.NaN);
      const wait = seconds > 0 ? `in ${durationText(seconds * 1_000)}` : 'later';
      return new KeysError('rate_limited', message, { hint: `try again ${wait}` });
    }
    const code = codeForStatus(status);
    if (code === 'unauthenticated' || code === 'forbidden')
      return new KeysError(code, message, { hint: hints.refused });
    if (code === 'not_found') return new KeysError(code, message, { hint: hints.missing });
    return new KeysError(code, message, { hint: status >= 500 ? 'try again later' : null });
  }

  return {
    async call({ answers, ...call }) {
      try {
        const answer = await http.call({
          ...call,
          headers: { ...headers, ...call.headers },
          errorOf: (each) => (answers.includes(each.status) ? null : refusal(each)),
        });
        return read(answer);
      } catch (error) {
        throw named(error);
      }
    },
    close: () => http.close(),
  };

  function read(answer: Answer): ApiAnswer {
    const { status } = answer;
    const found = answer.jsonOrNull();
    return {
      status,
      get lossless() {
        return answer.lossless;
      },
      anyFields: recordOf(found),
      refusal: () => refusal(answer),
      fields() {
        if (isRecord(found)) return found;
        throw new KeysError('bad_response', `${name} answered ${status}, and not with a JSON object`, {
          hint: hints.address,
        });
      },
    };
  }
}

/** Where the way to the place may be what is wrong. */
const addressed: ReadonlySet<ErrorCode> = new Set(['unavailable', 'timeout', 'untrusted', 'bad_response']);

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
export function recordOf(value: unknown): Fields {
  return isRecord(value) ? value : {};
}

function isRecord(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
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
