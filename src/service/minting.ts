/** What can be said of a mint afterwards, by its idempotency key: by who minted, or an admin. */
import { KeysError } from '../errors.ts';
import type { Key, Mint, Minting } from '../keys.ts';
import { isAdmin, may, minterOf, requireMay } from './access.ts';
import type { CallerView } from './caller-view.ts';
import { stateOf } from './mints.ts';
import { endedByNow, graceEnd, requireGrace } from './rules.ts';
import { idempotencyKey, mintHash } from './seal.ts';
import { toKey } from './status.ts';
import type { Kept, KeyRow, MadeMint, MintRow } from './store.ts';

export function mintingFor(view: CallerView): Minting {
  const { store, now } = view.core;

  /** Throws `forbidden` for somebody else's. */
  function requireOwn(mint: MintRow): MintRow {
    const by = view.caller();
    if (mint.caller === minterOf(by) || isAdmin(by)) return mint;
    throw new KeysError('forbidden', 'another credential minted under this idempotency key');
  }

  async function find(text: string): Promise<MadeMint | null> {
    const hash = mintHash(idempotencyKey(text));
    view.caller();
    const mint = await store.findMint(hash);
    return mint && made(requireOwn(mint));
  }

  async function shown(mint: MadeMint | null): Promise<Mint | null> {
    if (!mint) return null;
    const at = now();
    const { row } = await view.visible(mint.keyId);
    // A key goes by the secret that was minted last, or by the one before when that was taken back.
    const inForce = row.revokedAt === null && (row.rotatedAt ?? row.createdAt) === mint.createdAt;
    return { key: toKey(row, at), secretState: stateOf(mint, at), inForce };
  }

  async function settleOnce(mint: MadeMint, row: KeyRow, kept: Kept, graceMs: number) {
    const { overlap, old } = mint;
    if (!old) throw noOverlap();
    if (overlap !== 'open' && overlap !== kept) throw settledElse(row, mint);
    const at = now();
    const endsAt = kept === 'old' ? endedByNow : graceEnd(old.endsAt, row.expiresAt, at, graceMs);
    if (overlap === kept && (kept === 'old' || endsAt === old.endsAt)) return row;
    const recorded = view.audit('settle', row.id, { kept, endsAt });
    const outcome = await store.settleOverlap(mint, row.version, kept, endsAt, recorded);
    return outcome.refused === undefined ? outcome.row : 'changed';
  }

  return {
    status: async (text) => shown(await find(text)),

    async cancel(text) {
      const hash = mintHash(idempotencyKey(text));
      const by = view.caller();
      const before = await store.findMint(hash);
      if (before) return shown(made(requireOwn(before)));
      requireMay(by, 'create', { namespace: by.namespace });
      const row = { hash, caller: minterOf(by), state: 'cancelled', createdAt: now() } as const;
      const first = await store.cancelMint(row, view.audit('cancel', null));
      if (!first) return null;
      view.context.recorded = false;
      return shown(made(requireOwn(first)));
    },

    async acknowledge(text) {
      const mint = await find(text);
      if (mint?.state !== 'sealed') return;
      const recorded = view.audit('acknowledge', mint.keyId);
      view.context.recorded = await store.acknowledgeMint(mint.hash, recorded);
    },

    async settle(text, { keep, graceMs = 0 }): Promise<Key> {
      requireGrace(graceMs);
      const mint = await find(text);
      if (!mint?.old) throw noOverlap();
      const found = await view.visible(mint.keyId);
      const { row } = found;
      const isOver = row.revokedAt !== null && (keep === 'old' || mint.overlap === keep);
      if (isOver && may(view.caller(), 'regenerate', await view.targetOf(found))) return toKey(row, now());
      const settled = await view.change(mint.keyId, 'regenerate', null, async (current) =>
        settleOnce((await find(text)) ?? mint, current, keep, graceMs),
      );
      return toKey(settled, now());
    },
  };
}

function made(mint: MintRow): MadeMint | null {
  return mint.state === 'cancelled' ? null : mint;
}

function noOverlap(): KeysError {
  return new KeysError('not_found', 'no overlap was opened under this idempotency key');
}

function settledElse({ name, id }: KeyRow, { overlap }: MadeMint): KeysError {
  const how = {
    new: 'the new secret was kept',
    old: 'the old secret was kept',
    ended: 'both secrets were replaced',
  };
  const what = overlap && overlap !== 'open' ? how[overlap] : '';
  return new KeysError('changed', `the overlap of the key '${name}' was ended otherwise: ${what}`, {
    hint: `look at it: keys show ${id}`,
  });
}
