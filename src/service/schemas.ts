/** The shapes of the API: what validates requests is what `/openapi.json` shows. */
import { z } from 'zod';
import { auditOutcomes } from '../audit.ts';
import { keyStatuses, keyTypes, secretStates } from '../keys.ts';
import { userRoles } from '../users.ts';
import { limits } from './rules.ts';

const text = z.string().nullable();
const time = z.string().meta({ format: 'date-time' }).nullable();
const labels = z.record(z.string(), z.string());
const rateLimit = z
  .strictObject({ requests: z.int(), perSeconds: z.int() })
  .nullable()
  .describe("Of this key alone, besides its user's");

/** Named shapes of answers, which the OpenAPI document refers to; where zod keeps descriptions, too. */
function component<T extends z.ZodType>(id: string, schema: T): T {
  z.globalRegistry.add(schema, { id });
  return schema;
}

export const keySchema = component(
  'Key',
  z.object({
    id: z.string(),
    name: z.string(),
    description: text,
    namespace: text,
    owner: text,
    type: z.enum(keyTypes).nullable(),
    roles: z.array(z.string()),
    permissions: z.array(z.string()),
    apiVersion: text,
    status: z.enum(keyStatuses).nullable(),
    prefix: text,
    lastFour: text,
    createdAt: time,
    createdBy: text,
    expiresAt: time,
    lastUsedAt: time,
    rotatedAt: time,
    labels,
    rateLimit,
    recoverable: z.boolean().nullable().describe('Whether its secret can be shown again'),
    version: text.describe('Also the ETag'),
  }),
);

export const issuedKeySchema = component(
  'IssuedKey',
  z.object({ key: keySchema, secret: z.string().describe('Shown this once') }),
);

export const mintSchema = component(
  'Mint',
  z.object({
    key: keySchema,
    secretState: z.enum(secretStates).describe('A sealed secret can be had again by the same request'),
    inForce: z.boolean().describe('False once the secret has been replaced, taken back or revoked'),
  }),
);

export const keyPageSchema = component(
  'KeyPage',
  z.object({ keys: z.array(keySchema), nextCursor: text.describe('For the next page; null on the last') }),
);

export const verificationSchema = component(
  'Verification',
  z.object({
    valid: z.boolean(),
    reason: z.enum(['unknown', 'disabled', 'expired', 'revoked']).nullable(),
    key: keySchema.nullable(),
    acts: z
      .object({ namespace: text, roles: z.array(z.string()), permissions: z.array(z.string()) })
      .nullable()
      .optional()
      .describe('What a good secret may do now, in its namespace; everywhere where that is null'),
  }),
);

export const identitySchema = component(
  'Identity',
  z.object({ id: text, name: text, owner: text, namespace: text, roles: z.array(z.string()) }),
);

export const auditPageSchema = component(
  'AuditPage',
  z.object({
    entries: z.array(
      component(
        'AuditEntry',
        z.object({
          seq: z.int(),
          time: z.string().meta({ format: 'date-time' }),
          actor: text.describe('The user in whose name it was done'),
          agent: text.describe('The name of the key that did it'),
          action: z.string(),
          target: text,
          outcome: z.string().describe(auditOutcomes.join(', ')),
          address: text,
          requestId: text,
          details: z.record(z.string(), z.unknown()),
          hash: z
            .string()
            .describe('SHA-256 of the hash before, a line break, and the rest of this row (RFC 8785)'),
        }),
      ),
    ),
    nextCursor: text.describe('For the next page, which may be empty; null on the last'),
  }),
);

export const auditHeadSchema = component('AuditHead', z.object({ seq: z.int(), hash: z.string() }));
const membership = z.strictObject({ namespace: z.string(), role: z.string() });

export const userSchema = component(
  'User',
  z.object({
    name: z.string(),
    role: z.enum(userRoles),
    status: z.enum(['active', 'disabled']),
    hasPassword: z.boolean(),
    memberships: z.array(z.object(membership.shape)),
    createdAt: z.string().meta({ format: 'date-time' }),
    version: z.string().describe('Also the ETag'),
  }),
);

export const namespaceSchema = component(
  'Namespace',
  z.object({
    name: z.string(),
    quota: z.int().nullable().describe('0: keys are not on its plan; null: as the settings say'),
    activeKeys: z.int(),
    recoverable: z.boolean(),
    createdAt: z.string().meta({ format: 'date-time' }),
  }),
);

export const roleSchema = component(
  'Role',
  z.object({ name: z.string(), permissions: z.array(z.string()), builtIn: z.boolean() }),
);

export const sessionSchema = component(
  'Session',
  z.object({
    user: z.string(),
    accessToken: z.string().describe('Sent as Authorization: Bearer'),
    expiresAt: z.string().meta({ format: 'date-time' }).describe('Of the access token'),
    refreshToken: z.string().describe('Exchanged once for the next two'),
  }),
);

export const stepUpSchema = component(
  'StepUp',
  z.object({ accessToken: z.string(), expiresAt: z.string().meta({ format: 'date-time' }) }),
);

const problemSchema = component(
  'Problem',
  z.object({
    type: z.literal('about:blank'),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string().describe('One of the codes of `keys help exit-codes`'),
    hint: text,
    requestId: z.string(),
  }),
);

/** What every route may answer besides its success. */
export const problems = {
  default: {
    description: 'Refused or failed',
    content: { 'application/problem+json': { schema: problemSchema } },
  },
};

export const idParams = z.strictObject({ id: z.string() });

export const ifMatchHeaders = z.object({
  'if-match': z.string().optional().describe('Change the key only if this is still its ETag'),
});

export const idempotencyHeaders = z.object({
  'idempotency-key': z
    .string()
    .optional()
    .describe('22 to 128 characters of A-Z a-z 0-9 _ -, at least 128 random bits'),
});

export const graceSchema = z
  .int()
  .min(0)
  .optional()
  .describe('How long the old secret still works, in milliseconds; 30 days at most');

/** A request that says all it has to say in its path. */
export const noBody = z.strictObject({}).nullish();

export const newKeySchema = z.strictObject({
  name: z.string(),
  namespace: z.string().optional(),
  description: text.optional(),
  type: z.enum(keyTypes).optional(),
  roles: z.array(z.string()).optional(),
  permissions: z.array(z.string()).optional(),
  apiVersion: z.string().optional(),
  expiresAt: text.optional().describe('RFC 3339, in the future; null is never'),
  owner: z.string().optional(),
  labels: labels.optional(),
  rateLimit: rateLimit.optional(),
  recoverable: z.boolean().optional().describe('Keep the secret, so that it can be shown again'),
});

export const keyChangesSchema = z.strictObject({
  name: z.string().optional(),
  description: text.optional(),
  roles: z.array(z.string()).optional(),
  permissions: z.array(z.string()).optional(),
  expiresAt: text.optional(),
  labels: labels.optional(),
  rateLimit: rateLimit.optional(),
});

export const auditQuerySchema = z.strictObject({
  since: z.string().optional().describe('RFC 3339'),
  until: z.string().optional().describe('RFC 3339; before this time'),
  actor: z.string().optional(),
  key: z.string().optional().describe('By id or name: what it did, and what was done to it'),
  action: z.string().optional(),
  outcome: z.enum(auditOutcomes).optional(),
  order: z.enum(['newest', 'oldest']).optional().describe('newest first when absent'),
  after: z.coerce.number().int().min(0).optional().describe('Only rows whose seq is above this'),
  limit: z.coerce.number().int().min(1).max(1_000).optional(),
  cursor: z.string().optional(),
});

export const nameParams = z.strictObject({ name: z.string() });

const password = z.string().describe('8 to 256 characters');

export const newUserSchema = z.strictObject({
  name: z.string(),
  role: z.enum(userRoles).optional(),
  password: password.optional(),
  memberships: z.array(membership).max(1_000).optional(),
});

export const userChangesSchema = z.strictObject({
  role: z.enum(userRoles).optional(),
  password: password.nullable().optional(),
  currentPassword: z.string().optional().describe('Takes it from who changes their own and is no admin'),
});

export const membershipParams = z.strictObject({ name: z.string(), namespace: z.string() });
export const membershipBody = z.strictObject({ role: z.string() });

const namespaceChanges = {
  quota: z.int().min(0).nullable().optional(),
  recoverable: z.boolean().optional(),
};
export const newNamespaceSchema = z.strictObject({ name: z.string(), ...namespaceChanges });
export const namespaceChangesSchema = z.strictObject(namespaceChanges);

export const newRoleSchema = z.strictObject({ name: z.string(), permissions: z.array(z.string()) });
export const roleChangesSchema = newRoleSchema.pick({ permissions: true });

/** With a key's secret in the header: nothing. */
export const newSessionSchema = z
  .strictObject({
    // As many as a name can have, each of two units: who fails to log in is remembered for a while.
    user: z.string().max(2 * limits.owner),
    password: z.string(),
  })
  .nullish();
export const renewalSchema = z.strictObject({ refreshToken: z.string() });
export const stepUpBody = z.strictObject({ password: z.string() });

/** A parameter that may stand several times in a query; no key has more of anything that is asked for so. */
function repeatable<T extends z.ZodType>(value: T) {
  return z
    .union([z.array(value).max(limits.labels), value.transform((single): z.output<T>[] => [single])])
    .optional();
}

export const keyQuerySchema = z.strictObject({
  namespace: z.string().optional().describe('`*` for all that the caller may see'),
  status: repeatable(z.enum(keyStatuses)),
  owner: z.string().optional(),
  role: z.string().optional(),
  type: z.enum(keyTypes).optional(),
  label: repeatable(z.string().regex(/^[^=]+=/, 'write a label as name=value')),
  name: z.string().optional().describe('`*` and `?` are wildcards'),
  expiresBefore: z.string().optional(),
  unusedSince: z.string().optional(),
  noExpiry: z.enum(['true', 'false']).optional(),
  limit: z.coerce.number().int().min(1).max(1_000).optional(),
  cursor: z.string().optional(),
});
