/** The mint of an operation: asked for once where the service cannot tell a repetition, else as often as it takes. */
import { type ErrorCode, KeysError, toKeysError } from '../errors.ts';
import { allKeys, type IssuedKey, type Key, type KeyService, type NewKey } from '../keys.ts';
import type { Operation } from './operation.ts';

/** Errors that prove that this attempt has minted nothing. All others leave it open. */
const refusals: ReadonlySet<ErrorCode> = new Set([
  'invalid',
  'too_large',
  'not_found',
  'unauthenticated',
  'forbidden',
  'conflict',
  'quota_exceeded',
  'changed',
  'unsupported',
  'unavailable',
  'rate_limited',
  'untrusted',
  'credential_store',
  'secret_gone',
]);

/** Whether an error proves that this attempt has minted nothing; one before it may have. */
export function isRefusal(error: unknown): error is KeysError {
  return error instanceof KeysError && refusals.has(error.code);
}

/** Whether an error is the service's answer to this very request, and no matter of who asks or of the way there. */
export function isAnswer({ code }: KeysError): boolean {
  return answers.has(code);
}

const answers: ReadonlySet<ErrorCode> = new Set([
  'invalid',
  'too_large',
  'not_found',
  'conflict',
  'quota_exceeded',
  'changed',
  'unsupported',
]);

/**
 * Sends the mint. Where its outcome stays open, throws `outcome_unknown` with the way to end it; where a key was made and its
 * secret is lost, what the service threw.
 */
export async function mint(service: KeyService, operation: Operation): Promise<IssuedKey> {
  try {
    return await send(service, operation);
  } catch (error) {
    if (isRefusal(error)) throw error;
    const { code, message, mintedId } = toKeysError(error);
    if (mintedId !== null) {
      throw new KeysError(code, message, {
        hint: `keys recover ${operation.id} ends that key, and can mint again`,
        cause: error,
        mintedId,
      });
    }
    const stopped = code === 'interrupted' || code === 'terminated';
    const what = stopped
      ? `${message} while the service may have been minting`
      : `the outcome is unknown: ${message}`;
    throw new KeysError('outcome_unknown', what, { hint: `keys recover ${operation.id}`, cause: error });
  }
}

function send(service: KeyService, { request, idempotencyKey, id }: Operation): Promise<IssuedKey> {
  const once = service.minting ? { idempotencyKey } : {};
  switch (request.kind) {
    case 'create':
      return service.create(service.minting ? request.key : stamp(service, request.key, id), once);
    case 'successor':
      return service.create(stamp(service, request.key, id), { ...once, like: request.of });
    case 'regenerate':
      return service.regenerate(request.id, { graceMs: request.graceMs, ...once }, request.version);
    case 'overlap':
      return service.regenerate(
        request.id,
        { overlap: true, takeOver: request.takeOver, ...once },
        request.version,
      );
  }
}

/** Marks a new key with its operation, so that it can be found after a lost answer: by label, else in the description. */
function stamp(service: KeyService, key: NewKey, operationId: string): NewKey {
  const { fields } = service.capabilities;
  if (fields.includes('labels')) return { ...key, labels: { ...key.labels, operation: operationId } };
  if (fields.includes('description'))
    return { ...key, description: `${unmarked(key.description)} [${operationId}]`.trim() };
  return key;
}

/** A description without the mark of an earlier operation, which a successor would take over. */
function unmarked(description = ''): string {
  return description.replace(/ ?\[op_[0-9a-f]{16}\]$/, '');
}

/**
 * The keys that an operation with an unknown outcome may have minted: the stamped one, or, on a service that keeps neither
 * labels nor descriptions, those of its name that are newer than the operation.
 */
export async function findMinted(service: KeyService, { id, request, startedAt }: Operation): Promise<Key[]> {
  if (request.kind !== 'create' && request.kind !== 'successor') return [];
  const { fields, nameless } = service.capabilities;
  const { name, namespace } = request.key;
  const isOurs = (key: Key) => {
    if (fields.includes('labels')) return key.labels.operation === id;
    if (fields.includes('description')) return key.description?.includes(id) ?? false;
    return (
      (nameless || key.name === name) &&
      (key.createdAt === null || Date.parse(key.createdAt) >= Date.parse(startedAt) - clockSkewMs)
    );
  };
  const found: Key[] = [];
  for await (const page of allKeys(service, { namespace })) found.push(...page.filter(isOurs));
  return found;
}

const clockSkewMs = 120_000;
