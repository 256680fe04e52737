/**
 * Errors, and the one table that serves all three sides: error code ↔ HTTP status (of our own service and of
 * foreign ones) ↔ exit code. Codes and exit codes are a public contract: added to, never renamed.
 */

interface Row {
  /** Status our service answers with; `null` where the error can only arise in the CLI. */
  readonly status: number | null;
  readonly exit: number;
  readonly title: string;
}

const table = {
  unexpected: { status: 500, exit: 1, title: 'Unexpected failure' },
  test_failed: { status: null, exit: 1, title: 'Test failed' },
  invalid: { status: 400, exit: 2, title: 'Invalid request' },
  idempotency_mismatch: { status: 422, exit: 2, title: 'Idempotency key of another request' },
  too_large: { status: 413, exit: 2, title: 'Request too large' },
  not_found: { status: 404, exit: 3, title: 'Not found' },
  unauthenticated: { status: 401, exit: 4, title: 'Not authenticated' },
  forbidden: { status: 403, exit: 4, title: 'Not allowed' },
  conflict: { status: 409, exit: 5, title: 'Conflict' },
  quota_exceeded: { status: 409, exit: 5, title: 'Quota used up' },
  changed: { status: 412, exit: 5, title: 'Changed meanwhile' },
  unsupported: { status: 501, exit: 6, title: 'Not supported by this service' },
  unavailable: { status: 503, exit: 7, title: 'Service unavailable' },
  timeout: { status: 504, exit: 7, title: 'Timed out' },
  rate_limited: { status: 429, exit: 7, title: 'Rate limited' },
  partly_failed: { status: null, exit: 8, title: 'Some failed' },
  check_failed: { status: null, exit: 9, title: 'Check failed' },
  outcome_unknown: { status: null, exit: 10, title: 'Outcome unknown' },
  undelivered: { status: null, exit: 10, title: 'Secret not delivered' },
  credential_store: { status: null, exit: 11, title: 'Credential store unavailable' },
  secret_gone: { status: 410, exit: 10, title: 'Secret no longer available' },
  bad_response: { status: 502, exit: 12, title: 'Nonsensical answer' },
  untrusted: { status: null, exit: 13, title: 'Trust failure' },
  interrupted: { status: null, exit: 130, title: 'Interrupted' },
  terminated: { status: null, exit: 143, title: 'Terminated' },
} as const satisfies Record<string, Row>;

export type ErrorCode = keyof typeof table;
type ExitCode = 0 | (typeof table)[ErrorCode]['exit'];

/** What each exit code tells a script. */
const meanings: Readonly<Record<ExitCode, string>> = {
  0: 'done',
  1: 'unexpected failure',
  2: 'usage: bad option, bad value, missing value with no terminal to ask on',
  3: 'not found',
  4: 'not authenticated, or not allowed',
  5: 'conflict: the name exists, a quota is used up, the key changed meanwhile',
  6: 'this service cannot do that',
  7: 'unreachable, timed out, overloaded or rate limited; nothing was changed',
  8: 'several keys, and some failed',
  9: 'a check found something (--fail-if-any, verify)',
  10: 'outcome unknown, or a secret was minted and not delivered',
  11: 'the keychain or credential store is unavailable',
  12: "the service's answer makes no sense",
  13: 'TLS or trust failure; a redirect that would carry the credential off',
  130: 'interrupted, or "no" at a prompt',
  143: 'ended by SIGTERM or SIGHUP',
};

export interface ExitCodeRow {
  readonly exit: number;
  readonly meaning: string;
  /** The error codes that end a run with it; none for 0. */
  readonly codes: readonly ErrorCode[];
}

/** Every exit code, in ascending order. */
export function exitCodes(): ExitCodeRow[] {
  const rows = Object.entries(table) as [ErrorCode, Row][];
  return Object.entries(meanings).map(([text, meaning]) => {
    const exit = Number(text);
    return { exit, meaning, codes: rows.filter(([, row]) => row.exit === exit).map(([code]) => code) };
  });
}

export interface ErrorDetails {
  /** The next thing to type or to do; printed on a line of its own. */
  readonly hint?: string | null;
  readonly cause?: unknown;
  /** The service's id of the failed request, for its operators. */
  readonly requestId?: string | null;
  /** How long the service asked to wait, in milliseconds. */
  readonly retryAfterMs?: number | null;
  /** The id of a key that was made before things went wrong. */
  readonly mintedId?: string | null;
}

/** The one error that commands, drivers and the service throw on purpose. The text is for people, the code for programs. */
export class KeysError extends Error {
  override readonly name = 'KeysError';
  readonly code: ErrorCode;
  readonly hint: string | null;
  readonly requestId: string | null;
  readonly retryAfterMs: number | null;
  readonly mintedId: string | null;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, { cause: details.cause });
    this.code = code;
    this.hint = details.hint ?? null;
    this.requestId = details.requestId ?? null;
    this.retryAfterMs = details.retryAfterMs ?? null;
    this.mintedId = details.mintedId ?? null;
  }

  get exitCode(): number {
    return table[this.code].exit;
  }
}

/** The error object of the JSON contract: what `-o json` prints on stderr and what a batch result carries. */
export interface ErrorJson {
  code: ErrorCode;
  message: string;
  hint: string | null;
  requestId: string | null;
}

export function errorJson(error: KeysError): ErrorJson {
  return { code: error.code, message: error.message, hint: error.hint, requestId: error.requestId };
}

function isErrorCode(text: unknown): text is ErrorCode {
  return typeof text === 'string' && Object.hasOwn(table, text);
}

/** HTTP status and title our service answers an error with. CLI-only codes become 500. */
export function problemOf(code: ErrorCode): { status: number; title: string } {
  const { status, title } = table[code];
  return { status: status ?? 500, title };
}

/** The code for an HTTP answer: the one its body names, when that goes with the status, else what the status means anywhere. */
export function codeForStatus(status: number, named?: unknown): ErrorCode {
  if (isErrorCode(named) && table[named].status === status) return named;
  if (status === 422 || status === 415 || status === 428) return 'invalid';
  if (status === 402) return 'quota_exceeded';
  if (status === 405) return 'unsupported';
  if (status === 407) return 'unavailable';
  if (status === 408) return 'timeout';
  if (status === 410) return 'not_found';
  if (status === 502) return 'unavailable';
  for (const [code, row] of Object.entries(table)) {
    if (row.status === status && code !== 'unexpected') return code as ErrorCode;
  }
  if (status >= 500) return 'unavailable';
  return status >= 400 ? 'invalid' : 'bad_response';
}

/** What to do about a credential that a service does not take. */
export const loginHint = "the credential is missing, wrong or ended: 'keys auth login', or set KEYS_TOKEN";

/** Every failure as a KeysError: what is not one already is a defect of ours, and says so. */
export function toKeysError(error: unknown): KeysError {
  if (error instanceof KeysError) return error;
  if (error instanceof Error && 'syscall' in error && error.syscall === 'uv_cwd') {
    const hint = 'cd to one that is there';
    return new KeysError('invalid', 'the working directory has been removed', { cause: error, hint });
  }
  const message = error instanceof Error ? error.message : String(error);
  return new KeysError('unexpected', `unexpected failure: ${message}`, {
    cause: error,
    hint: 'run it again with --debug to see where, and please report it',
  });
}

/** The name that the system or a library gives a failure, such as `ENOSPC`; empty for anything else. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
