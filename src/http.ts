/**
 * HTTP to a key service: one call function for every driver. It knows nothing of the command line.
 *
 * What it promises: an address that an id cannot leave, a credential that goes to one origin only, no redirect followed, bodies
 * bounded while they stream, a budget for all waiting, and no request repeated that could do its work twice.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type ErrorCode, KeysError, loginHint } from './errors.ts';
import { Answer, hintFor, isTurnedAway, problemError } from './http/answer.ts';
import { baseUrlOf, type ConnectionOptions, createConnection, proxyOf } from './http/connection.ts';
import { exchange, NoAnswer, type Received } from './http/exchange.ts';
import { connectionError, isRefusedByProxy } from './http/failure.ts';
import { Budget, backoff, longestTimerMs, maxAttempts, retryAfter } from './http/retry.ts';
import { type Redactor, Secret } from './secret.ts';
import { terminalSafe } from './text.ts';
import { durationText } from './time.ts';

export { Answer, hintFor, problemError };

/** How the credential is presented: `Authorization: Bearer`, `Authorization: ApiKey` or `X-API-Key`. */
export type AuthScheme = 'bearer' | 'apikey' | 'x-api-key';

/**
 * What a call does, and so what may be repeated. `read` changes nothing. `set` changes something to a stated value, so that
 * doing it again does no harm. `once` must not be done twice, as everything that mints.
 */
export type Effect = 'read' | 'set' | 'once';

export interface HttpOptions extends ConnectionOptions {
  /** Where the service's paths begin; may have a path of its own. */
  readonly baseUrl: string;
  readonly credential: Secret | null;
  readonly authScheme?: AuthScheme;
  /** What all calls together may wait. */
  readonly timeoutMs: number;
  /** Ends every call at once, with the signal's reason. */
  readonly signal: AbortSignal;
  readonly redactor: Redactor;
  /** Told of every request and answer, a line each, without bodies or secrets. */
  readonly trace?: (line: string) => void;
  readonly now?: () => number;
  /** What to do about a credential that is not taken, in place of the general advice. */
  readonly loginHint?: string;
  /** The first pause before a repetition; later ones double. */
  readonly backoffMs?: number;
}

type QueryValue = string | number | boolean;

export interface Call {
  readonly method: string;
  /**
   * Segments below the base URL, encoded one by one. Or a link that the service gave, absolute or relative to the base;
   * one that leaves the origin is `untrusted`.
   */
  readonly path: readonly string[] | string;
  /** An array repeats its name; what is undefined is left out. */
  readonly query?: Readonly<Record<string, QueryValue | readonly QueryValue[] | undefined>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Added to the call's own, and replacing them; a secret is revealed on the wire only. */
  readonly headers?: Readonly<Record<string, string | Secret | undefined>>;
  readonly effect: Effect;
  /** How often it is sent at most; 1 for what must not be sent again even when it was turned away. */
  readonly attempts?: number;
  /** Once it is sent, an interruption waits a little for its answer, which cannot be had again. */
  readonly finishes?: boolean;
  /** More than this is refused; 1 MiB when absent. */
  readonly maxBytes?: number;
  /** Uses up none of the command's time: for what has no end, and is asked for part by part. */
  readonly ownTime?: boolean;
  /** The error an answer stands for, whatever its status; `null` for none. `problemError` when absent. */
  readonly errorOf?: (answer: Answer) => KeysError | null;
}

export const pageBytes = 8 * 2 ** 20;
const objectBytes = 2 ** 20;
const dayMs = 86_400_000;
/** How long an interruption waits for an answer that cannot be had again. */
const patienceMs = 3_000;

export interface Http {
  /**
   * Throws what `errorOf` says, and `unavailable`, `timeout`, `rate_limited`, `bad_response`, `untrusted`, or
   * `outcome_unknown` when a change may or may not have been done.
   */
  call(call: Call): Promise<Answer>;
  close(): Promise<void>;
}

/** Throws `invalid` or `untrusted` for an address, file or proxy that cannot be used. */
export function createHttp(options: HttpOptions): Http {
  const { credential, redactor, signal, trace, now = Date.now, backoffMs = 200 } = options;
  const base = baseUrlOf(options.baseUrl, options.insecureHttp);
  const authorization = credential ? authorizationOf(credential, options.authScheme ?? 'bearer') : {};
  const closing = new AbortController();
  const connection = createConnection(base, options, closing.signal);
  const proxy = proxyOf(base, options.env ?? {});
  const budget = new Budget(options.timeoutMs);
  const safe = (text: string) => terminalSafe(redactor.redact(text)).slice(0, 500);

  /** Whatever ends a call before the service has said its word on it. */
  interface Failure {
    readonly error: KeysError;
    /** The service may have done what was asked, all the same. */
    readonly doubtful: boolean;
    readonly repeatable: boolean;
    /** The pause that the service asks for. */
    readonly askedMs: number | null;
  }

  async function call(asked: Call): Promise<Answer> {
    const url = urlOf(base, asked);
    const headers = headersOf(authorization, asked);
    const body = asked.body === undefined ? null : JSON.stringify(asked.body);
    const time = asked.ownTime ? new Budget(options.timeoutMs) : budget;
    return time.spend(() => attempts(asked, { url, headers, body, time }));
  }

  async function attempts(asked: Call, request: Request): Promise<Answer> {
    let doubtful = false;
    const told = (end: KeysError) =>
      doubtful && asked.effect !== 'read' && !tellsOutcome.includes(end.code)
        ? outcomeUnknown(base.host, asked.effect, end)
        : end;
    for (let attempt = 1; ; attempt++) {
      const result: Answer | Failure = await attemptOnce(asked, request, attempt, doubtful).catch(
        (said: KeysError) => {
          throw told(said);
        },
      );
      if (result instanceof Answer) return result;
      const { error, repeatable, askedMs } = result;
      doubtful ||= result.doubtful;
      if (!repeatable || attempt >= (asked.attempts ?? maxAttempts)) {
        throw told(askedMs === null ? error : waitTooLong(error, askedMs, false));
      }
      const waitMs = (askedMs ?? 0) + backoff(backoffMs, attempt);
      if (waitMs > Math.min(request.time.leftMs, longestTimerMs)) {
        throw told(askedMs === null ? error : waitTooLong(error, askedMs, true));
      }
      trace?.(safe(`  waiting ${durationText(waitMs)}`));
      await sleep(waitMs, undefined, { signal }).catch(() => {
        throw told(signal.reason);
      });
    }
  }

  /** Throws what the service has definitely said; what may be tried again, or has no answer, is a `Failure`. */
  async function attemptOnce(
    asked: Call,
    request: Request,
    attempt: number,
    repeated: boolean,
  ): Promise<Answer | Failure> {
    const { effect, errorOf = problemError } = asked;
    const leftMs = Math.max(0, Math.ceil(request.time.leftMs));
    const deadline = AbortSignal.timeout(Math.min(leftMs, longestTimerMs));
    let received: Received;
    try {
      const interruption = asked.finishes ? delayed(signal) : signal;
      received = await send(asked, request, attempt, AbortSignal.any([interruption, deadline]));
    } catch (thrown) {
      if (!(thrown instanceof NoAnswer)) throw thrown;
      const { sent, cause } = thrown;
      const ended = signal.aborted
        ? signal.reason
        : deadline.aborted
          ? timedOut(base.host, options.timeoutMs)
          : null;
      const error = ended ?? connectionError(base, cause, proxy);
      return {
        error,
        doubtful: sent && error.code !== 'untrusted' && !isRefusedByProxy(cause),
        repeatable:
          !ended && error.code === 'unavailable' && !isRefusedByProxy(cause) && (!sent || effect !== 'once'),
        askedMs: null,
      };
    }
    const answer = new Answer(received, { repeated, changed: effect !== 'read' });
    const { status } = answer;
    const redirect = redirectError(request.url, answer, safe);
    // See Other is what a service may also say when it has done its work.
    if (redirect && status === 303 && effect !== 'read') throw outcomeUnknown(base.host, effect, redirect);
    if (redirect) throw redirect;
    const askedMs = retryAfter(received.headers, now());
    const cut = answer.cut && status < 400;
    const said = cut
      ? cutShort(base.host, answer)
      : answer.isPage && status < 400
        ? answer.nonsense(`the service answered with an HTML page instead of JSON (status ${status})`)
        : errorOf(answer);
    if (!said) return answer;
    const error = made(said, answer, askedMs);
    const turnedAway = isTurnedAway(answer);
    const doubtful = cut || (status >= 500 && status !== 501 && !turnedAway);
    if (!turnedAway && !doubtful) throw error;
    const passing = cut || status === 502 || status === 503 || status === 504;
    return { error, doubtful, repeatable: turnedAway || (passing && effect !== 'once'), askedMs };
  }

  async function send(
    asked: Call,
    request: Request,
    attempt: number,
    ending: AbortSignal,
  ): Promise<Received> {
    const { url, headers, body } = request;
    const startedMs = performance.now();
    const line = (text: string) =>
      trace?.(safe(`${text} after ${Math.round(performance.now() - startedMs)} ms`));
    trace?.(safe(`> ${asked.method} ${url.href}${attempt > 1 ? ` (attempt ${attempt})` : ''}`));
    try {
      const received = await exchange(
        connection,
        { origin: url.origin, path: url.pathname + url.search, method: asked.method, headers, body },
        asked.maxBytes ?? objectBytes,
        ending,
      );
      const { status, end } = received;
      const id = received.headers['x-request-id'];
      line(
        `< ${status}, ${received.body.length} bytes${end === 'whole' ? '' : ` (${end})`}${id ? `, request ${id}` : ''}`,
      );
      return received;
    } catch (thrown) {
      line(
        `! ${ending.aborted ? 'given up' : connectionError(base, (thrown as NoAnswer).cause, proxy).message}`,
      );
      throw thrown;
    }
  }

  /** An error in words that are safe to show, whatever the service chose. */
  function made(said: KeysError, answer: Answer, askedMs: number | null): KeysError {
    const requestId = said.requestId ?? answer.requestId;
    const hint = said.hint === loginHint ? (options.loginHint ?? loginHint) : said.hint;
    return new KeysError(said.code, safe(said.message), {
      hint: hint === null ? null : safe(hint),
      cause: said.cause,
      requestId: requestId === null ? null : safe(requestId),
      retryAfterMs: said.retryAfterMs ?? askedMs,
    });
  }

  return {
    call,
    async close() {
      closing.abort();
      await connection.destroy();
    },
  };
}

/** Whatever else refuses a repetition says nothing of the attempt before. */
const tellsOutcome: readonly ErrorCode[] = ['secret_gone', 'outcome_unknown'];

/** Aborted a little later than the signal; at once when that is aborted already. */
function delayed(signal: AbortSignal): AbortSignal {
  if (signal.aborted) return signal;
  const later = new AbortController();
  const abort = () => setTimeout(() => later.abort(signal.reason), patienceMs).unref();
  signal.addEventListener('abort', abort, { once: true });
  return later.signal;
}

interface Request {
  readonly url: URL;
  readonly headers: Record<string, string>;
  readonly body: string | null;
  readonly time: Budget;
}

function urlOf(base: URL, { path, query = {} }: Call): URL {
  if (typeof path === 'string' && !URL.canParse(path, base.href))
    throw new KeysError('bad_response', `${base.host} refers to what is no address`);
  const url = typeof path === 'string' ? new URL(path, base) : new URL(base);
  if (typeof path !== 'string') {
    url.pathname = [base.pathname.replace(/\/+$/, ''), ...path.map(segment)].join('/');
  } else if (url.origin !== base.origin) {
    throw new KeysError('untrusted', `${base.host} refers to another service, ${terminalSafe(url.origin)}`);
  }
  for (const [name, value] of Object.entries(query)) {
    for (const each of Array.isArray(value) ? value : [value]) {
      if (each !== undefined) url.searchParams.append(name, String(each));
    }
  }
  return url;
}

/** One segment of a path. What could name another place than its own names nothing. */
function segment(text: string): string {
  if (text === '' || text === '.' || text === '..') {
    throw new KeysError('not_found', `nothing has the id '${text}'`);
  }
  return encodeURIComponent(text.toWellFormed());
}

function authorizationOf(credential: Secret, scheme: AuthScheme): Record<string, Secret> {
  const text = credential.reveal();
  if (scheme === 'x-api-key') return { 'x-api-key': credential };
  return { authorization: new Secret(`${scheme === 'apikey' ? 'ApiKey' : 'Bearer'} ${text}`) };
}

function headersOf(
  authorization: Record<string, Secret>,
  { body, headers = {} }: Call,
): Record<string, string> {
  const all: Record<string, string> = {
    accept: 'application/json, application/problem+json',
    // A compressed body could grow beyond any bound before it is counted.
    'accept-encoding': 'identity',
    'user-agent': 'keys',
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
  };
  for (const [name, value] of Object.entries({ ...authorization, ...headers })) {
    if (value === undefined) continue;
    const text = value instanceof Secret ? value.reveal() : value;
    if (!/^[\x20-\x7e]+$/.test(text)) {
      throw new KeysError(
        'invalid',
        `the value for the header ${name} has characters that no header can carry`,
        {
          hint:
            value instanceof Secret ? 'check the credential: was all of it, and nothing else, copied?' : null,
        },
      );
    }
    all[name.toLowerCase()] = text;
  }
  return all;
}

/** Following would carry the credential, and a changed method, to where nobody sent it. */
function redirectError(url: URL, answer: Answer, safe: (text: string) => string): KeysError | null {
  const { status } = answer;
  if (status < 300 || status > 399) return null;
  const location = answer.header('location') ?? '';
  const target = URL.canParse(location, url.href) ? new URL(location, url) : null;
  const where = target ? ` to ${safe(target.origin + target.pathname)}` : '';
  const message = `${url.host} redirects${where}; redirects are not followed`;
  if (target && target.origin !== url.origin) {
    return new KeysError('untrusted', message, {
      hint: 'if that is where the service is, give that address as its URL',
    });
  }
  return new KeysError('bad_response', message, { hint: "check the address: 'keys profile show'" });
}

function timedOut(host: string, timeoutMs: number): KeysError {
  return new KeysError('timeout', `${host} did not answer within ${durationText(timeoutMs)}`, {
    hint: 'to wait longer: --timeout 2m',
  });
}

function cutShort(host: string, answer: Answer): KeysError {
  return new KeysError('bad_response', `${host} ended the connection in the middle of its answer`, {
    requestId: answer.requestId,
  });
}

/** `patient`: it would be sent again if there were the time. */
function waitTooLong(error: KeysError, askedMs: number, patient: boolean): KeysError {
  const isLong = askedMs > dayMs;
  const wait = durationText(isLong ? Math.ceil(askedMs / dayMs) * dayMs : askedMs);
  const waiting = isLong || !patient ? '' : `, or let it wait: --timeout ${durationText(askedMs + 30_000)}`;
  return new KeysError(error.code, `${error.message}; the service asks to wait ${wait}`, {
    hint: `try again in ${wait}${waiting}`,
    cause: error,
    requestId: error.requestId,
    retryAfterMs: askedMs,
  });
}

function outcomeUnknown(host: string, effect: Effect, error: KeysError): KeysError {
  return new KeysError('outcome_unknown', `${host} may or may not have done it: ${error.message}`, {
    hint: effect === 'set' ? 'the same command can be given again' : 'look before trying again: keys list',
    cause: error,
    requestId: error.requestId,
    retryAfterMs: error.retryAfterMs,
  });
}
