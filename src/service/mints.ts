/** A mint under an idempotency key happens once; asked for again, it is answered from its seal. */
import { canonicalJson } from '../canonical-json.ts';
import { KeysError } from '../errors.ts';
import type { IssuedKey, Key, SecretState } from '../keys.ts';
import { nodeCrypto } from '../node-crypto.ts';
import { Secret } from '../secret.ts';
import { idempotencyKey, mintHash, seal, unseal } from './seal.ts';
import type { MadeMint, MintRow, NewMint, Store } from './store.ts';

/** How long an answer can be had again. */
export const sealMs = 15 * 60_000;

/** How long a mint is remembered, so that its idempotency key mints nothing more. */
export const rememberedMs = 30 * 86_400_000;

/** One request under one idempotency key. */
export interface Ticket {
  readonly hash: Uint8Array;
  /** What is kept of the answer. */
  record(issued: IssuedKey, at: number): NewMint;
  /** The answer as it was. Throws `idempotency_mismatch` for another request's, `conflict` when cancelled, `secret_gone`. */
  open(mint: MintRow, at: number): IssuedKey;
}

/** Throws `invalid` for an idempotency key that is none. */
export function ticketFor(text: string, caller: string | null, request: unknown): Ticket {
  const key = idempotencyKey(text);
  const found = mintHash(key);
  const requestHash = nodeCrypto().hash('sha256', canonicalJson({ caller, request }), 'buffer');
  const boundTo = (keyId: string) => Buffer.concat([requestHash, Buffer.from(keyId)]);
  return {
    hash: found,
    record({ key: answered, secret }, at) {
      const answer = JSON.stringify({ key: answered, secret: secret.reveal() });
      return {
        hash: found,
        requestHash,
        caller,
        seal: seal(answer, key, boundTo(answered.id)),
        createdAt: at,
      };
    },
    open(mint, at) {
      if (mint.state === 'cancelled') {
        throw new KeysError('conflict', 'this request was cancelled; nothing was minted', {
          hint: 'begin again, with another idempotency key',
        });
      }
      if (!requestHash.equals(mint.requestHash)) {
        throw new KeysError('idempotency_mismatch', 'the idempotency key belongs to another request', {
          hint: 'choose a new one for every request',
        });
      }
      if (mint.seal === null || stateOf(mint, at) !== 'sealed') throw secretGone(mint, stateOf(mint, at));
      const answer = JSON.parse(unseal(mint.seal, key, boundTo(mint.keyId))) as { key: Key; secret: string };
      return { key: answer.key, secret: new Secret(answer.secret) };
    },
  };
}

/** Mints, or has the answer of an earlier attempt. `mint` gives `null` when a twin was first. */
export async function mintOnce(
  store: Store,
  ticket: Ticket | null,
  mint: () => Promise<IssuedKey | null>,
  replay: (ticket: Ticket, mint: MintRow) => Promise<IssuedKey>,
): Promise<IssuedKey> {
  if (ticket) {
    const before = await store.findMint(ticket.hash);
    if (before) return replay(ticket, before);
  }
  let failure: unknown;
  try {
    const issued = await mint();
    if (issued) return issued;
  } catch (error) {
    failure = error;
  }
  try {
    // A twin may have changed the key, and a commit that failed may have been done.
    const twin = ticket && (await store.findMint(ticket.hash));
    if (ticket && twin) return await replay(ticket, twin);
  } catch (error) {
    // A database that is away by now may have committed all the same.
    throw isOpen(failure) ? failure : error;
  }
  throw failure ?? new KeysError('unexpected', 'a mint is recorded and cannot be found');
}

function isOpen(failure: unknown): boolean {
  return failure instanceof KeysError && failure.code === 'outcome_unknown';
}

/** A seal is over when its time is, whether or not it has been swept. */
export function stateOf({ state, createdAt }: MadeMint, at: number): SecretState {
  return state === 'sealed' && at - createdAt >= sealMs ? 'expired' : state;
}

const ends: Record<SecretState, string> = {
  sealed: '',
  used: 'it has been used',
  acknowledged: 'its arrival was acknowledged',
  expired: 'it was kept for 15 minutes, or ended before',
};

function secretGone({ keyId }: MadeMint, state: SecretState): KeysError {
  return new KeysError(
    'secret_gone',
    `the secret minted for the key ${keyId} cannot be had again: ${ends[state]}`,
    {
      hint: `if nobody has it, a new one: keys regenerate ${keyId}`,
    },
  );
}
