/**
 * What a driver from outside is given and gives: the interface of `keyadm/driver`. It grows, and what it has stays; a driver
 * says which version it was written for.
 */
import { codeForStatus, type ErrorCode, KeysError } from '../errors.ts';
import { blankKey, type Capabilities, type Key, type KeyService, type Verb } from '../keys.ts';
import { Secret } from '../secret.ts';
import { unsupportedVerbs, utcTime } from './foreign.ts';

export type { ErrorCode, ErrorDetails } from '../errors.ts';
export type {
  Capabilities,
  Identity,
  IssuedKey,
  Key,
  KeyChanges,
  KeyPage,
  KeyQuery,
  KeyService,
  KeyStatus,
  KeyType,
  MintOptions,
  NewKey,
  RegenerateOptions,
  Verb,
  Verification,
} from '../keys.ts';
export type { KeysError, Secret };

export const interfaceVersion = 1;

/** What every driver needs. It is handed over, so that a driver is one file that imports nothing. */
export interface Kit {
  readonly KeysError: typeof KeysError;
  readonly Secret: typeof Secret;
  /** A key of which nothing is known yet. */
  readonly blankKey: Key;
  /** Every verb refused in the service's name; spread it first, and add what the service can do. */
  unsupportedVerbs(capabilities: Capabilities): Pick<KeyService, Verb>;
  /** An RFC 3339 time with any fraction as UTC; `null` for anything else. */
  utcTime(text: unknown): string | null;
  /** The error code that an HTTP status stands for. */
  codeForStatus(status: number): ErrorCode;
}

export const kit: Kit = { KeysError, Secret, blankKey, unsupportedVerbs, utcTime, codeForStatus };

/** A service's answer. */
export interface DriverAnswer {
  readonly status: number;
  /** An earlier attempt of the same call may have been carried out. */
  readonly repeated: boolean;
  readonly requestId: string | null;
  header(name: string): string | null;
  /** The body as JSON; integers beyond 2^53 as text. Throws `bad_response`. */
  json(): unknown;
  jsonOrNull(): unknown;
  /** The error for an answer that makes no sense. */
  nonsense(message: string): KeysError;
}

type QueryValue = string | number | boolean;

export interface DriverCall {
  readonly method: string;
  /** Segments below the profile's URL, encoded one by one; or a link that the service gave, on the same origin. */
  readonly path: readonly string[] | string;
  readonly query?: Readonly<Record<string, QueryValue | readonly QueryValue[] | undefined>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string | Secret | undefined>>;
  /** `read` changes nothing, `set` may be repeated, `once` never: everything that mints. */
  readonly effect: 'read' | 'set' | 'once';
  /** 1 for what must not be sent again even when it was turned away. */
  readonly attempts?: number;
  readonly maxBytes?: number;
  /** The error an answer stands for; `null` for none. By status and problem document (RFC 9457) when absent. */
  readonly errorOf?: (answer: DriverAnswer) => KeysError | null;
}

/** HTTP to the profile's service: with the credential, retries, limits and a trace; redirects are refused. */
export interface DriverHttp {
  call(call: DriverCall): Promise<DriverAnswer>;
  close(): Promise<void>;
}

export interface DriverProfile {
  readonly name: string;
  readonly url: string;
  readonly namespace: string | null;
  readonly settings?: Readonly<Record<string, string>>;
}

export interface DriverContext {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** The administrator's credential, for a driver that `authorizes`. */
  readonly credential: Secret | null;
  /** Tells of a secret that came up, which no text shows from then on. */
  know(secret: Secret): Secret;
}

export interface OutsideDriver {
  readonly version: typeof interfaceVersion;
  /** What a profile may say with `--set`, each with what it means. */
  readonly settings?: Readonly<Record<string, string>>;
  /** The driver puts the credential on each call itself. */
  readonly authorizes?: boolean;
  /** Asked before any request is sent. Throws `invalid` for settings that cannot be meant. */
  capabilities(profile?: DriverProfile): Capabilities;
  open(http: DriverHttp, profile: DriverProfile, context: DriverContext): KeyService;
}

/** The default export of a driver's module. */
export type DriverModule = (kit: Kit) => OutsideDriver;
