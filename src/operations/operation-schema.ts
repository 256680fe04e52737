/** Reads what the journal wrote, also when an older version of this program did. */
import { z } from 'zod/mini';
import { KeysError } from '../errors.ts';
import { keyTypes, type NewKey } from '../keys.ts';
import { type Operation, operationStates } from './operation.ts';

/** Strict, like all of these: a field that is dropped makes another request of the mint that is asked for again. */
const newKey = z.strictObject({
  name: z.string(),
  namespace: z.optional(z.string()),
  description: z.optional(z.string()),
  type: z.optional(z.enum(keyTypes)),
  roles: z.optional(z.array(z.string())),
  permissions: z.optional(z.array(z.string())),
  apiVersion: z.optional(z.string()),
  expiresAt: z.optional(z.nullable(z.string())),
  owner: z.optional(z.string()),
  labels: z.optional(z.record(z.string(), z.string())),
  rateLimit: z.optional(z.nullable(z.strictObject({ requests: z.number(), perSeconds: z.number() }))),
  recoverable: z.optional(z.boolean()),
} satisfies Record<keyof NewKey, z.ZodMiniType>);

const request = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('create'), key: newKey }),
  z.strictObject({
    kind: z.literal('regenerate'),
    id: z.string(),
    graceMs: z.number(),
    version: z.nullable(z.string()),
  }),
  z.strictObject({
    kind: z.literal('overlap'),
    id: z.string(),
    version: z.nullable(z.string()),
    takeOver: z.optional(z.boolean()),
  }),
  z.strictObject({ kind: z.literal('successor'), of: z.string(), key: newKey }),
]);

const keyName = z.strictObject({ id: z.string(), name: z.string() });

const operation: z.ZodMiniType<Operation> = z.strictObject({
  schema: z.literal(1),
  id: z.string(),
  command: z.enum(['create', 'regenerate', 'rotate']),
  profile: z.string(),
  origin: z.string(),
  idempotencyKey: z.string(),
  replaces: z.optional(z.string()),
  request,
  key: z.nullable(keyName),
  minted: z.nullable(keyName),
  destinations: z.array(z.string()),
  attempted: z.array(z.string()),
  delivered: z.array(z.string()),
  force: z.boolean(),
  graceMs: z.number(),
  check: z.nullable(z.string()),
  state: z.enum(operationStates),
  startedAt: z.string(),
  unprovenSince: z.optional(z.string()),
});

/** Throws `invalid`, naming the file, when the text is not an operation this version understands. */
export function parseOperation(text: string, file: string): Operation {
  try {
    return z.parse(operation, JSON.parse(text));
  } catch (cause) {
    throw new KeysError('invalid', `${file} is not an operation that this version understands`, {
      hint: 'it was damaged or written by a newer keys: use that version, or look into the file and remove it by hand',
      cause,
    });
  }
}
