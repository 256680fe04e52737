/** PostgreSQL's errors in our words, by their SQLSTATE (PostgreSQL manual, appendix A). */
import { DatabaseError } from 'pg';
import { codeOf, KeysError } from '../errors.ts';

/** What came of asking the database, apart from what the work that asked throws. */
export class PostgresTrouble extends Error {
  /** SQLSTATE; empty when the connection broke. */
  readonly state: string;

  constructor(cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    // Not by its look: EPIPE, too, is five letters long.
    this.state = cause instanceof DatabaseError ? (cause.code ?? '') : '';
  }
}

/** Throws `PostgresTrouble`. */
export async function told<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked;
  } catch (error) {
    throw new PostgresTrouble(error);
  }
}

/** Another attempt may succeed: a serialization failure, or a deadlock that another transaction survived. */
export function isRetryable(error: unknown): boolean {
  return error instanceof PostgresTrouble && ['40001', '40P01'].includes(error.state);
}

/** Whether the connection is no good any more; PgBouncer says so itself where it has lost the database behind it. */
export function isBroken(error: unknown): boolean {
  return error instanceof PostgresTrouble && /^(?:$|08)/.test(error.state);
}

/** Values that the database cannot hold, such as a zero character. */
const unfit = ['22021', '22P02', '22P05'];

/** The classes that speak of connections, rights, schemas, resources, locks, operators and disks; another one is a mistake of ours. */
const operational = /^(?:$|08|0A000|25|28|3D|3F|42501|53|55P03|57|58)/;

/** What only an operator can put right. */
const setUp: Record<string, string> = {
  // Of an unlogged table that is asked for, and of a statement that was prepared before.
  '0A000':
    'it is a standby; or a newer version of keys has changed its tables, and this one has to be replaced or restarted',
  '25006': 'it is a standby, or set to take no changes',
  '28000': 'it does not let this user in',
  '28P01': 'it does not accept the password',
  '3D000': 'there is no database of this name',
};

const ownAuthority =
  'name the file of its authority in the address: ?sslmode=verify-full&sslrootcert=/etc/keys/ca.pem';

/** By OpenSSL's and Node's codes. */
const distrusted: readonly [RegExp, string, string][] = [
  [
    /^(DEPTH_ZERO_)?SELF_SIGNED_|^UNABLE_TO_/,
    'its certificate is from an authority that is not trusted here',
    ownAuthority,
  ],
  [
    /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    'its certificate is not made out to this name',
    'use the name of the machine in the address, as the certificate has it',
  ],
];

/** Other errors as they are. */
export function postgresError(error: unknown): unknown {
  if (!(error instanceof PostgresTrouble)) return error;
  const { state, message, cause } = error;
  if (unfit.includes(state)) {
    return new KeysError('invalid', 'a text has a character that the database cannot hold', { cause });
  }
  if (!operational.test(state)) return cause;
  const distrust = distrusted.find(([code]) => code.test(codeOf(cause)));
  if (distrust) {
    const [, trouble, hint] = distrust;
    return new KeysError('unavailable', `PostgreSQL is not usable: ${trouble}`, { cause, hint });
  }
  // The client library's words for a server that wants a password and a client that has none.
  const asked = message.includes('client password must be a string');
  const trouble = asked ? 'it asks for a password' : (setUp[state] ?? message);
  const hint = asked ? 'put it in PGPASSWORD or in the file that PGPASSFILE names' : null;
  return new KeysError('unavailable', `PostgreSQL is not usable: ${trouble}`, { cause, hint });
}
