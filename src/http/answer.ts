/** A service's answer, read with distrust. */
import { codeForStatus, type ErrorCode, KeysError, loginHint } from '../errors.ts';
import type { Received } from './exchange.ts';

export class Answer {
  readonly status: number;
  /**
   * Whether an earlier attempt of this call may have been carried out although its answer was lost: a change may then
   * meet its own traces.
   */
  readonly repeated: boolean;
  readonly #received: Received;
  readonly #changed: boolean;
  #json: Read | undefined;

  constructor(received: Received, { repeated, changed }: { repeated: boolean; changed: boolean }) {
    this.status = received.status;
    this.repeated = repeated;
    this.#changed = changed;
    this.#received = received;
  }

  /** A header that came several times as one, its values with commas between them (RFC 9110, 5.3). */
  header(name: string): string | null {
    const value = this.#received.headers[name.toLowerCase()];
    return value === undefined ? null : [value].flat().join(', ');
  }

  get requestId(): string | null {
    return this.header('x-request-id');
  }

  /** The body as JSON; integers beyond 2^53 as text. Throws `bad_response`, saying what came instead and never repeating it. */
  json(): unknown {
    const read = this.#read();
    if ('value' in read) return read.value;
    throw this.nonsense(`the service answered with ${read.problem} (status ${this.status})`);
  }

  /** The error for an answer that makes no sense. */
  nonsense(message: string): KeysError {
    return new KeysError('bad_response', message, {
      requestId: this.requestId,
      hint: this.#changed ? 'what was asked for may have been done all the same: keys list' : addressHint,
    });
  }

  /** False when writing what `json()` gives would change a number: one too large or too precise, or written in another way. */
  get lossless(): boolean {
    if ('problem' in this.#read()) return false;
    let kept = true;
    JSON.parse(
      new TextDecoder().decode(this.#received.body),
      (_name, item: unknown, context?: { source?: string }) => {
        if (typeof item === 'number' && JSON.stringify(item) !== context?.source) kept = false;
        return item;
      },
    );
    return kept;
  }

  /** The body as JSON, or `null` when it is none. */
  jsonOrNull(): unknown {
    const read = this.#read();
    return 'value' in read ? read.value : null;
  }

  /** Whether the connection ended before the body did, as far as its framing or its JSON tells. */
  get cut(): boolean {
    const { end, headers } = this.#received;
    const endsWithConnection = !('content-length' in headers) && !('transfer-encoding' in headers);
    if (end === 'cut') return true;
    return endsWithConnection && this.status !== 204 && this.#isJson && 'problem' in this.#read();
  }

  /** Whether a page came in place of an answer: of a proxy that wants a login, or of something else than a key service. */
  get isPage(): boolean {
    const html = /^(text\/html|application\/xhtml\+xml)\s*(;|$)/i.test(this.header('content-type') ?? '');
    return html && this.#received.body.toString('latin1').trimStart().startsWith('<');
  }

  get #isJson(): boolean {
    return /^application\/(json|[\w.+-]+\+json)\s*(;|$)/i.test(this.header('content-type') ?? '');
  }

  #read(): Read {
    this.#json ??= this.#parse();
    return this.#json;
  }

  #parse(): Read {
    const { end, body } = this.#received;
    if (end === 'too large') return { problem: 'more than it may in one answer' };
    if (end === 'cut') return { problem: 'a part of an answer: the connection was lost' };
    if (body.length === 0) return { problem: 'an empty body' };
    const encoding = this.header('content-encoding') ?? 'identity';
    if (encoding !== 'identity') return { problem: 'a compressed body, which was not asked for' };
    if (!this.#isJson) return { problem: `${kindOf(this.header('content-type'))} instead of JSON` };
    try {
      return { value: exactJson(new TextDecoder('utf-8', { fatal: true }).decode(body)) };
    } catch {
      return { problem: 'JSON that cannot be read' };
    }
  }
}

type Read = { value: unknown } | { problem: string };

/** JSON in which an integer that a number cannot hold is its digits, as text: an id loses none. */
function exactJson(text: string): unknown {
  if (!/\d{16}/.test(text)) return JSON.parse(text);
  return JSON.parse(text, (_name, item: unknown, context?: { source?: string }) =>
    Number.isInteger(item) && !Number.isSafeInteger(item) ? (context?.source ?? item) : item,
  );
}

function kindOf(contentType: string | null): string {
  const [type = ''] = contentType?.split(';') ?? [];
  if (/html/i.test(type)) return 'an HTML page';
  if (/^text\//i.test(type)) return 'text';
  return /^[\w.+-]+\/[\w.+-]+$/.test(type.trim()) ? type.trim() : 'something of no stated type';
}

/**
 * The error that an answer stands for, or `null`: its problem document (RFC 9457) with our code where there is one,
 * else what the status says.
 */
export function problemError(answer: Answer): KeysError | null {
  const { status } = answer;
  if (status < 400) return null;
  const problem = problemIn(answer);
  const code = codeForStatus(status, problem.code);
  const said = [problem.detail, problem.message, problem.title].find(isText);
  return new KeysError(code, said ?? `the service answered with status ${status}`, {
    hint: isText(problem.hint) ? problem.hint : hintFor(code, said),
    requestId: isText(problem.requestId) ? problem.requestId : null,
  });
}

/**
 * Whether the service has changed nothing, by its own word. A gateway answers 503, too, when it has lost a service that was at its
 * work.
 */
export function isTurnedAway(answer: Answer): boolean {
  if (answer.status !== 503) return answer.status === 429;
  const isOurs = answer.header('content-type')?.startsWith('application/problem+json');
  return isOurs === true && problemIn(answer).code === 'unavailable';
}

function problemIn(answer: Answer): Record<string, unknown> {
  const body = answer.jsonOrNull();
  return typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {};
}

/** A 404 of a key service `said` what is not there; one without a word may be of something else. */
export function hintFor(code: ErrorCode, said?: string | null): string | null {
  if (code === 'unauthenticated') return loginHint;
  return code === 'not_found' && !said ? addressHint : null;
}

const addressHint = "is this the address of a key service? 'keys profile show'";

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.trim() !== '';
}
