/**
 * Everything that can be set of `keys serve`, in one table: from it come the options, the variables, what the configuration
 * file may say, the help and the table in `docs/service.md`.
 */
import { isAbsolute } from 'node:path';
import { z } from 'zod';
import { KeysError } from '../errors.ts';
import type { RateLimit } from '../keys.ts';
import { parseRateLimit } from '../rate-limit.ts';
import { isDate, parseDuration } from '../time.ts';
import { listenAddress } from './listen.ts';
import { parseMasterKeys } from './master-keys.ts';
import { secretPrefix } from './secret-format.ts';
import { completeSettings } from './settings.ts';
import { sqliteFile } from './sqlite-open.ts';
import { requireProxies } from './trusted-proxies.ts';

export interface Setting {
  readonly summary: string;
  /** How its value is called in the help: `<address>`. */
  readonly value: string;
  /** What a value given as text, by an option or a variable, is in a file. */
  readonly kind: 'text' | 'path' | 'number' | 'switch' | 'list' | 'map';
  /** The value as a file holds it → as the service takes it. */
  readonly schema: z.ZodType;
  /** As text. */
  readonly default?: string;
  /** False for what is secret or too long for a command line: only in the file or the environment. */
  readonly option?: false;
}

const configurationTable = {
  listen: {
    summary: 'where to listen; port 0 takes a free one',
    value: '<address>',
    kind: 'text',
    schema: from(listenAddress),
    default: '127.0.0.1:8787',
  },
  database: {
    summary: 'a path, or a sqlite: or postgres: URL; service.db in the data directory when absent',
    value: '<path|url>',
    kind: 'path',
    schema: from(databaseAddress),
  },
  quota: {
    summary: 'active keys that a namespace may have; any number when absent, 0 for none',
    value: '<n>',
    kind: 'number',
    schema: keyCount(),
  },
  totalQuota: {
    summary: 'the same of all namespaces together',
    value: '<n>',
    kind: 'number',
    schema: keyCount(),
  },
  rateLimit: {
    summary: 'how often each user may ask, with all keys and sessions together, or none',
    value: '<requests/time>',
    kind: 'text',
    schema: from(rateLimitOrNone),
    default: '6000/1m',
  },
  addressRateLimit: {
    summary: 'how often an address may try secrets that are not good, or none',
    value: '<requests/time>',
    kind: 'text',
    schema: from(rateLimitOrNone),
    default: '6000/1m',
  },
  secretPrefix: {
    summary: 'how new secrets begin',
    value: '<prefix>',
    kind: 'text',
    schema: from(secretPrefix),
    default: 'keys_',
  },
  adminSecretFile: {
    summary: "holds the first administrator's secret; otherwise one is made and printed",
    value: '<file>',
    kind: 'path',
    schema: text(),
  },
  masterKeyFile: {
    summary: 'holds the master keys for secrets that can be shown again, one a line; the last encrypts',
    value: '<file>',
    kind: 'path',
    schema: text(),
  },
  masterKey: {
    summary: 'the same without a file',
    value: '<keys>',
    kind: 'text',
    schema: from((given) => parseMasterKeys(given, 'masterKey')),
    option: false,
  },
  apiVersions: {
    summary: 'the dates of the API that keys may speak; a new key speaks the newest',
    value: '<dates>',
    kind: 'list',
    schema: z
      .array(z.string('must be text').refine(isDate, 'must be a date such as 2026-11-01'), 'must be a list')
      .min(1, 'must not be empty'),
    default: '2026-11-01',
  },
  roles: {
    summary: 'further roles, each with its permissions',
    value: '<roles>',
    kind: 'map',
    schema: z
      .record(
        z.string(),
        z.array(z.string('must be text'), 'must be a list of permissions'),
        'must be roles by name',
      )
      .superRefine(checkRoles),
    option: false,
  },
  tlsCertFile: {
    summary: 'PEM file with the certificate and its chain: the service speaks https',
    value: '<file>',
    kind: 'path',
    schema: text(),
  },
  tlsKeyFile: {
    summary: 'PEM file with the private key of the certificate',
    value: '<file>',
    kind: 'path',
    schema: text(),
  },
  trustedProxies: {
    summary: 'addresses and networks of proxies in front of it, whose X-Forwarded-For is believed',
    value: '<networks>',
    kind: 'list',
    schema: z
      .array(z.string('must be text'), 'must be a list of addresses and networks')
      .superRefine(checkProxies),
    default: '',
  },
  insecureHttp: {
    summary: 'allow plain http to other machines, without a proxy that ends TLS',
    value: '',
    kind: 'switch',
    schema: z.boolean('must be true or false'),
    default: 'false',
  },
  metricsListen: {
    summary: 'where to listen besides for /metrics, /healthz and /readyz alone, without a credential',
    value: '<address>',
    kind: 'text',
    schema: from(listenAddress),
  },
  drainTime: {
    summary: 'when told to stop, how long /readyz says 503 before the service takes no more requests',
    value: '<duration>',
    kind: 'text',
    schema: from(drainTime),
    default: '0s',
  },
  logLevel: {
    summary: 'what is logged: info has a line for each request, warn and error have none',
    value: '<level>',
    kind: 'text',
    schema: z.enum(['info', 'warn', 'error'], 'must be info, warn or error'),
    default: 'info',
  },
} as const satisfies Record<string, Setting>;

type Table = typeof configurationTable;
export type SettingName = keyof Table;

/** What a service is run with: all that is set, and the defaults. */
export type Configuration = {
  readonly [N in SettingName]:
    | z.output<Table[N]['schema']>
    | (Table[N] extends { default: string } ? never : undefined);
};

export const settingNames = Object.keys(configurationTable) as SettingName[];

export function settingOf(name: SettingName): Setting {
  return configurationTable[name];
}

export function variableOf(name: SettingName): string {
  return `KEYS_SERVE_${name.replace(/[A-Z]/g, '_$&').toUpperCase()}`;
}

/** `--secret-prefix`, or `null` where there is none. */
export function optionOf(name: SettingName): string | null {
  if (settingOf(name).option === false) return null;
  return `--${name.replace(/[A-Z]/g, '-$&').toLowerCase()}`;
}

/** The value that a text stands for, as an option or a variable gives it. Throws `invalid`, saying what is wrong with it. */
export function settingValue(name: SettingName, given: string): unknown {
  const { kind, schema } = settingOf(name);
  const result = schema.safeParse(fileValue(kind, given));
  if (result.success) return result.data;
  const message = result.error.issues[0]?.message ?? 'is wrong';
  throw new KeysError('invalid', message.replace(/^: /, ''));
}

/** A text as a file would hold what it stands for; what it cannot stand for, the schema refuses. */
function fileValue(kind: Setting['kind'], given: string): unknown {
  if (kind === 'number') return /^-?\d+$/.test(given) ? Number(given) : given;
  if (kind === 'switch') return { true: true, false: false }[given];
  if (kind === 'list') {
    const parts = given.split(',').map((part) => part.trim());
    return parts.filter((part) => part !== '');
  }
  if (kind !== 'map') return given;
  try {
    return JSON.parse(given);
  } catch {
    return given;
  }
}

function keyCount() {
  return z.int('must be a whole number').min(0, 'must be 0 or more').max(999_999_999, 'is too large');
}

function text() {
  return z.string('must be text').min(1, 'must not be empty');
}

/** Makes a function that throws `invalid` into a schema; a message that begins with a colon is a whole sentence. */
function from<T>(parse: (given: string) => T) {
  return text().transform((given, context): T => {
    try {
      return parse(given);
    } catch (error) {
      context.issues.push({ code: 'custom', input: null, message: `: ${sentence(error)}` });
      return z.NEVER;
    }
  });
}

function sentence(error: unknown): string {
  if (!(error instanceof KeysError)) throw error;
  return error.hint ? `${error.message}; ${error.hint}` : error.message;
}

/** Commander makes an empty text of null. */
function rateLimitOrNone(given: string): RateLimit | 'none' {
  return parseRateLimit(given) ?? 'none';
}

/** Whoever waits for the service to stop gives up long before. */
function drainTime(given: string): number {
  const ms = parseDuration(given);
  if (ms <= 86_400_000) return ms;
  throw new KeysError('invalid', `'${given}' is longer than a day`);
}

function databaseAddress(given: string): string {
  // Throws for what is neither a file nor PostgreSQL.
  sqliteFile(given);
  return given;
}

type Context = z.core.$RefinementCtx;

function checkRoles(roles: Record<string, readonly string[]>, context: Context): void {
  for (const [name, permissions] of Object.entries(roles)) {
    try {
      completeSettings({ roles: { [name]: permissions } });
    } catch (error) {
      context.addIssue({ code: 'custom', path: [name], message: `: ${sentence(error)}` });
    }
  }
}

function checkProxies(proxies: readonly string[], context: Context): void {
  for (const [index, proxy] of proxies.entries()) {
    try {
      requireProxies([proxy]);
    } catch (error) {
      context.addIssue({ code: 'custom', path: [index], message: `: ${sentence(error)}` });
    }
  }
}

/** In a file, a path that is not absolute would mean another one with every directory it is started in. */
export function pathProblem(name: SettingName, value: unknown): string | null {
  if (settingOf(name).kind !== 'path' || typeof value !== 'string') return null;
  const path = value.replace(/^sqlite:(?:\/\/(?=\/))?/, '');
  return /^[a-z][a-z0-9+.-]+:/i.test(path) || isAbsolute(path) ? null : 'must be an absolute path';
}
