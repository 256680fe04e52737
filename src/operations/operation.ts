/** One create, regenerate or rotate on its way, as the journal keeps it. No secret is part of it. */
import type { NewKey } from '../keys.ts';

/** What is asked of the service; with an idempotency key, asking again is harmless. */
export type MintRequest =
  | { kind: 'create'; key: NewKey }
  | { kind: 'regenerate'; id: string; graceMs: number; version: string | null }
  /** The old secret works until the new one has been tested. */
  | { kind: 'overlap'; id: string; version: string | null; takeOver?: boolean }
  /** A second key beside the one to be replaced, where a key can hold only one secret. */
  | { kind: 'successor'; of: string; key: NewKey };

/**
 * `intended`: the mint may or may not have happened. Each later state says what is known to have happened. `delivering`: some
 * destinations may have the secret. `uncertain`: so they may, and nothing that a program can ask tells: a person decides.
 * `failed`: the new secret is being taken back. `unproven` is done, but the secret went into a
 * pipe or a terminal, and nobody can tell whether it was read: kept while it can be had again.
 */
export const operationStates = [
  'intended',
  'minted',
  'delivering',
  'uncertain',
  'delivered',
  'failed',
  'tested',
  'unproven',
] as const;
export type OperationState = (typeof operationStates)[number];

export interface Operation {
  schema: 1;
  id: string;
  command: 'create' | 'regenerate' | 'rotate';
  profile: string;
  /** The service's URL, so that an operation is never finished against another service. */
  origin: string;
  idempotencyKey: string;
  /** The idempotency key of the mint that this one replaces: the only secret of its key, and lost. */
  replaces?: string;
  request: MintRequest;
  /** The key that was there before and is to have a new secret or a successor. */
  key: { id: string; name: string } | null;
  /** The key that has the new secret, once that is known: another one, or the same. */
  minted: { id: string; name: string } | null;
  destinations: string[];
  /** Those that may have the secret: a delivery was begun there. */
  attempted: string[];
  /** Those that have it for certain. */
  delivered: string[];
  force: boolean;
  /** Rotate: how long the old secret goes on after the test, and the command that tests the new one. */
  graceMs: number;
  check: string | null;
  state: OperationState;
  startedAt: string;
  /** When the state became `unproven`, also where the secret has been delivered again since. */
  unprovenSince?: string;
}

/** Whether the old secret has its end already: of an exchange that is done, only the secret may be delivered once more. */
export function hasNoWayBack(operation: Operation): operation is Replaced {
  const { request, unprovenSince } = operation;
  return request.kind === 'regenerate' || (request.kind === 'overlap' && unprovenSince !== undefined);
}
type Replaced = Operation & { request: Extract<MintRequest, { kind: 'regenerate' | 'overlap' }> };

/** The command that gives the key yet another secret. */
export function renewal({ request }: Operation): 'regenerate' | 'rotate' {
  return request.kind === 'regenerate' ? 'regenerate' : 'rotate';
}

/** How an operation stands before its mint. */
export function unbegun(): Pick<Operation, 'minted' | 'attempted' | 'delivered' | 'state'> {
  return { minted: null, attempted: [], delivered: [], state: 'intended' };
}
