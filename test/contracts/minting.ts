/** What a service must do whose `capabilities.idempotentMint` is true, asked through the interface alone. */
import { randomBytes } from 'node:crypto';
import { expect } from 'vitest';
import type { IssuedKey, Key, KeyService, Minting, NewKey } from '../../src/keys.ts';
import type { Secret } from '../../src/secret.ts';
import { refuses } from './refuses.ts';

export function newIdempotencyKey(): string {
  return randomBytes(24).toString('base64url');
}

export function mintingOf(service: KeyService): Minting {
  if (service.minting) return service.minting;
  throw new Error('the service says that it mints idempotently and offers no minting');
}

/** Everything in the answer, as text. */
export function bytesOf({ key, secret }: IssuedKey): string {
  return JSON.stringify({ key, secret: secret.reveal() });
}

async function isGood(service: KeyService, secret: Secret): Promise<boolean> {
  return (await service.verify(secret)).valid;
}

/** A key with an open overlap. */
async function overlapping(service: KeyService, key: NewKey) {
  const idempotencyKey = newIdempotencyKey();
  const old = await service.create(key);
  const fresh = await service.regenerate(old.key.id, { overlap: true, idempotencyKey });
  return { idempotencyKey, old, fresh, id: old.key.id, minting: mintingOf(service) };
}

function face({ prefix, lastFour, rotatedAt }: Key) {
  return { prefix, lastFour, rotatedAt };
}

type Guarantee = (service: KeyService, template: Omit<NewKey, 'name'>) => Promise<void>;

export const mintingGuarantees: Readonly<Record<string, Guarantee>> = {
  'a create is repeated byte for byte, and makes one key': async (service, template) => {
    const idempotencyKey = newIdempotencyKey();
    const first = await service.create({ ...template, name: 'repeated' }, { idempotencyKey });
    await service.edit(first.key.id, { description: 'edited since' });
    const again = await service.create({ ...template, name: 'repeated' }, { idempotencyKey });
    expect(bytesOf(again)).toBe(bytesOf(first));
    expect((await service.list({ nameGlob: 'repeated' })).keys).toHaveLength(1);
    expect(await isGood(service, again.secret)).toBe(true);
  },

  'keeping the new secret without grace ends every earlier one, also one whose grace still ran': async (
    service,
    template,
  ) => {
    const { idempotencyKey, old, fresh, id, minting } = await overlapping(service, {
      ...template,
      name: 'leaked',
    });
    await minting.settle(idempotencyKey, { keep: 'new', graceMs: 86_400_000 });
    expect(await isGood(service, old.secret)).toBe(true);
    const again = newIdempotencyKey();
    const newest = await service.regenerate(id, { overlap: true, idempotencyKey: again });
    expect(await isGood(service, old.secret)).toBe(true);
    await minting.settle(again, { keep: 'new', graceMs: 0 });
    expect(await isGood(service, old.secret)).toBe(false);
    expect(await isGood(service, fresh.secret)).toBe(false);
    expect(await isGood(service, newest.secret)).toBe(true);
    // What is repeated of an earlier settlement touches nothing newer.
    const third = await service.regenerate(id, { overlap: true, idempotencyKey: newIdempotencyKey() });
    await minting.settle(idempotencyKey, { keep: 'new', graceMs: 0 });
    expect(await isGood(service, newest.secret)).toBe(true);
    expect(await isGood(service, third.secret)).toBe(true);
  },

  'a second overlap is refused, unless it takes the first one over: then all three secrets work until it is settled':
    async (service, template) => {
      const first = await overlapping(service, { ...template, name: 'taken-over' });
      const { old, fresh, id, minting } = first;
      const idempotencyKey = newIdempotencyKey();
      await refuses('conflict', service.regenerate(id, { overlap: true, idempotencyKey }));
      const newest = await service.regenerate(id, { overlap: true, takeOver: true, idempotencyKey });
      const good = () => Promise.all([old, fresh, newest].map(({ secret }) => isGood(service, secret)));
      expect(await good()).toEqual([true, true, true]);
      await refuses('changed', minting.settle(first.idempotencyKey, { keep: 'new' }));
      await refuses('changed', minting.settle(first.idempotencyKey, { keep: 'old' }));
      expect(await good()).toEqual([true, true, true]);
      await minting.settle(idempotencyKey, { keep: 'new' });
      expect(await good()).toEqual([false, false, true]);
    },

  'an overlap that took another one over and is taken back leaves both secrets as they were': async (
    service,
    template,
  ) => {
    const { old, fresh, id, minting } = await overlapping(service, { ...template, name: 'given-back' });
    const idempotencyKey = newIdempotencyKey();
    const newest = await service.regenerate(id, { overlap: true, takeOver: true, idempotencyKey });
    const key = await minting.settle(idempotencyKey, { keep: 'old' });
    expect(face(key)).toEqual(face(fresh.key));
    const good = () => Promise.all([old, fresh, newest].map(({ secret }) => isGood(service, secret)));
    expect(await good()).toEqual([true, true, false]);
    // The next rotation finds nothing in its way, and ends them all.
    const again = newIdempotencyKey();
    const last = await service.regenerate(id, { overlap: true, idempotencyKey: again });
    await minting.settle(again, { keep: 'new' });
    expect(await good()).toEqual([false, false, false]);
    expect(await isGood(service, last.secret)).toBe(true);
  },

  'a regenerate is repeated byte for byte, and the key has one new secret': async (service, template) => {
    const idempotencyKey = newIdempotencyKey();
    const { key, secret } = await service.create({ ...template, name: 'renewed' });
    const first = await service.regenerate(key.id, { idempotencyKey });
    const again = await service.regenerate(key.id, { idempotencyKey }, key.version);
    expect(bytesOf(again)).toBe(bytesOf(first));
    expect(first.key).toEqual(await service.get(key.id));
    expect(await isGood(service, secret)).toBe(false);
  },

  'another request under the same idempotency key is refused': async (service, template) => {
    const idempotencyKey = newIdempotencyKey();
    const { key } = await service.create({ ...template, name: 'mine' }, { idempotencyKey });
    await refuses('idempotency_mismatch', service.create({ ...template, name: 'other' }, { idempotencyKey }));
    await refuses('idempotency_mismatch', service.regenerate(key.id, { idempotencyKey }));
    expect((await service.list({ nameGlob: 'other' })).keys).toEqual([]);
    expect(await service.get(key.id)).toEqual(key);
  },

  'an idempotency key that cannot hold 128 bits is refused': async (service, template) => {
    for (const idempotencyKey of ['', 'short', 'x'.repeat(129), `${'x'.repeat(30)} y`]) {
      await refuses('invalid', service.create({ ...template, name: 'bad' }, { idempotencyKey }));
      await refuses('invalid', mintingOf(service).status(idempotencyKey));
    }
  },

  'a refused request mints nothing, and may be tried again under its idempotency key': async (
    service,
    template,
  ) => {
    const idempotencyKey = newIdempotencyKey();
    const { key } = await service.create({ ...template, name: 'taken' });
    await refuses('conflict', service.create({ ...template, name: 'taken' }, { idempotencyKey }));
    expect(await mintingOf(service).status(idempotencyKey)).toBeNull();
    await service.revoke(key.id);
    expect((await service.create({ ...template, name: 'taken' }, { idempotencyKey })).key.name).toBe('taken');
  },

  'the status tells the key and what became of the secret': async (service, template) => {
    const idempotencyKey = newIdempotencyKey();
    const minting = mintingOf(service);
    expect(await minting.status(idempotencyKey)).toBeNull();
    const { key } = await service.create({ ...template, name: 'status' }, { idempotencyKey });
    expect(await minting.status(idempotencyKey)).toEqual({ key, secretState: 'sealed', inForce: true });
  },

  'the status tells whether the key still goes by the secret': async (service, template) => {
    const minting = mintingOf(service);
    const inForce = async (idempotencyKey: string) => (await minting.status(idempotencyKey))?.inForce;
    const created = newIdempotencyKey();
    const { key } = await service.create({ ...template, name: 'in-force' }, { idempotencyKey: created });
    await service.edit(key.id, { description: 'edited since' });
    expect(await inForce(created)).toBe(true);
    await new Promise((resolve) => setTimeout(resolve, 2));
    const overlapped = newIdempotencyKey();
    await service.regenerate(key.id, { overlap: true, idempotencyKey: overlapped });
    expect([await inForce(created), await inForce(overlapped)]).toEqual([false, true]);
    await minting.settle(overlapped, { keep: 'old' });
    expect([await inForce(created), await inForce(overlapped)]).toEqual([true, false]);
    await service.revoke(key.id);
    expect(await inForce(created)).toBe(false);
  },

  'once acknowledged, the secret is gone': async (service, template) => {
    const idempotencyKey = newIdempotencyKey();
    const minting = mintingOf(service);
    const { secret } = await service.create({ ...template, name: 'arrived' }, { idempotencyKey });
    await minting.acknowledge(idempotencyKey);
    await minting.acknowledge(idempotencyKey);
    await refuses('secret_gone', service.create({ ...template, name: 'arrived' }, { idempotencyKey }));
    expect(await minting.status(idempotencyKey)).toMatchObject({ secretState: 'acknowledged' });
    expect(await isGood(service, secret)).toBe(true);
  },

  'to acknowledge what never was is success': async (service) => {
    await mintingOf(service).acknowledge(newIdempotencyKey());
  },

  'once used, the secret is gone': async (service, template) => {
    const idempotencyKey = newIdempotencyKey();
    const { secret } = await service.create({ ...template, name: 'in-use' }, { idempotencyKey });
    expect(await isGood(service, secret)).toBe(true);
    await refuses('secret_gone', service.create({ ...template, name: 'in-use' }, { idempotencyKey }));
    expect(await mintingOf(service).status(idempotencyKey)).toMatchObject({ secretState: 'used' });
  },

  'a revoked key gives its secret no more': async (service, template) => {
    const idempotencyKey = newIdempotencyKey();
    const { key } = await service.create({ ...template, name: 'ended' }, { idempotencyKey });
    await service.revoke(key.id);
    await refuses('secret_gone', service.create({ ...template, name: 'ended' }, { idempotencyKey }));
    expect(await mintingOf(service).status(idempotencyKey)).toMatchObject({ secretState: 'expired' });
  },

  'a secret that was replaced is given no more': async (service, template) => {
    const idempotencyKey = newIdempotencyKey();
    const { key } = await service.create({ ...template, name: 'replaced' }, { idempotencyKey });
    await service.regenerate(key.id, { graceMs: 60_000 });
    await refuses('secret_gone', service.create({ ...template, name: 'replaced' }, { idempotencyKey }));
  },

  'what is cancelled is never minted': async (service, template) => {
    const idempotencyKey = newIdempotencyKey();
    const minting = mintingOf(service);
    expect(await minting.cancel(idempotencyKey)).toBeNull();
    expect(await minting.cancel(idempotencyKey)).toBeNull();
    await refuses('conflict', service.create({ ...template, name: 'late' }, { idempotencyKey }));
    expect(await minting.status(idempotencyKey)).toBeNull();
    expect((await service.list({ nameGlob: 'late' })).keys).toEqual([]);
  },

  'cancelling too late tells what was minted': async (service, template) => {
    const idempotencyKey = newIdempotencyKey();
    const { key } = await service.create({ ...template, name: 'early' }, { idempotencyKey });
    expect(await mintingOf(service).cancel(idempotencyKey)).toEqual({
      key,
      secretState: 'sealed',
      inForce: true,
    });
  },

  'in an overlap both secrets work, until the new one is kept': async (service, template) => {
    const { idempotencyKey, old, fresh, minting } = await overlapping(service, {
      ...template,
      name: 'o-new',
    });
    expect(await isGood(service, old.secret)).toBe(true);
    expect(await isGood(service, fresh.secret)).toBe(true);
    expect(face(fresh.key)).not.toEqual(face(old.key));
    const settled = await minting.settle(idempotencyKey, { keep: 'new' });
    expect(await isGood(service, old.secret)).toBe(false);
    expect(await isGood(service, fresh.secret)).toBe(true);
    const again = await minting.settle(idempotencyKey, { keep: 'new', graceMs: 60_000 });
    expect(again.version).toBe(settled.version);
    expect(face(settled)).toEqual(face(fresh.key));
    expect(await isGood(service, old.secret)).toBe(false);
    await refuses('changed', minting.settle(idempotencyKey, { keep: 'old' }));
  },

  'with a grace the old secret goes on, and a shorter one cuts it': async (service, template) => {
    const { idempotencyKey, old, minting } = await overlapping(service, { ...template, name: 'o-grace' });
    await minting.settle(idempotencyKey, { keep: 'new', graceMs: 60_000 });
    expect(await isGood(service, old.secret)).toBe(true);
    await minting.settle(idempotencyKey, { keep: 'new', graceMs: 0 });
    expect(await isGood(service, old.secret)).toBe(false);
    await refuses('invalid', minting.settle(idempotencyKey, { keep: 'new', graceMs: -1 }));
  },

  'when the old secret is kept, the key is as it was': async (service, template) => {
    const { idempotencyKey, old, fresh, minting } = await overlapping(service, {
      ...template,
      name: 'o-old',
    });
    const settled = await minting.settle(idempotencyKey, { keep: 'old' });
    expect(face(settled)).toEqual(face(old.key));
    expect(await isGood(service, fresh.secret)).toBe(false);
    expect(await minting.settle(idempotencyKey, { keep: 'old' })).toEqual(settled);
    expect(await isGood(service, old.secret)).toBe(true);
    await refuses('changed', minting.settle(idempotencyKey, { keep: 'new' }));
    await refuses('secret_gone', service.regenerate(settled.id, { overlap: true, idempotencyKey }));
  },

  'an overlap can be opened again once it is settled, either way': async (service, template) => {
    const { idempotencyKey, old, id, minting } = await overlapping(service, { ...template, name: 'o-twice' });
    await minting.settle(idempotencyKey, { keep: 'old' });
    const second = newIdempotencyKey();
    const { secret } = await service.regenerate(id, { overlap: true, idempotencyKey: second });
    await minting.settle(second, { keep: 'new', graceMs: 60_000 });
    const third = newIdempotencyKey();
    const last = await service.regenerate(id, { overlap: true, idempotencyKey: third });
    for (const each of [old.secret, secret, last.secret]) expect(await isGood(service, each)).toBe(true);
    await minting.settle(third, { keep: 'old' });
    expect(await isGood(service, last.secret)).toBe(false);
    expect(await isGood(service, secret)).toBe(true);
  },

  'a second overlap on a key is refused': async (service, template) => {
    const { id, fresh } = await overlapping(service, { ...template, name: 'o-two' });
    const idempotencyKey = newIdempotencyKey();
    await refuses('conflict', service.regenerate(id, { overlap: true, idempotencyKey }));
    expect(await service.get(id)).toEqual(fresh.key);
  },

  'an overlap without an idempotency key is refused: nothing could settle it': async (service, template) => {
    const { key } = await service.create({ ...template, name: 'o-none' });
    await refuses('invalid', service.regenerate(key.id, { overlap: true }));
  },

  'a plain regenerate ends an overlap and both of its secrets': async (service, template) => {
    const { id, idempotencyKey, old, fresh, minting } = await overlapping(service, {
      ...template,
      name: 'o-end',
    });
    const last = await service.regenerate(id);
    expect(await isGood(service, old.secret)).toBe(false);
    expect(await isGood(service, fresh.secret)).toBe(false);
    expect(await isGood(service, last.secret)).toBe(true);
    await refuses('changed', minting.settle(idempotencyKey, { keep: 'old' }));
    await refuses('changed', minting.settle(idempotencyKey, { keep: 'new' }));
    await service.regenerate(id, { overlap: true, idempotencyKey: newIdempotencyKey() });
  },

  'an edit in between is no obstacle to settling, and is kept': async (service, template) => {
    const { id, idempotencyKey, minting } = await overlapping(service, { ...template, name: 'o-edit' });
    await service.edit(id, { description: 'meanwhile' });
    expect((await minting.settle(idempotencyKey, { keep: 'old' })).description).toBe('meanwhile');
  },

  'revoke and disable stop both secrets of an overlap at once': async (service, template) => {
    const { id, idempotencyKey, old, fresh, minting } = await overlapping(service, {
      ...template,
      name: 'o-stop',
    });
    await service.disable(id);
    expect([await isGood(service, old.secret), await isGood(service, fresh.secret)]).toEqual([false, false]);
    await service.enable(id);
    expect([await isGood(service, old.secret), await isGood(service, fresh.secret)]).toEqual([true, true]);
    await service.revoke(id);
    expect([await isGood(service, old.secret), await isGood(service, fresh.secret)]).toEqual([false, false]);
    expect((await minting.settle(idempotencyKey, { keep: 'old' })).status).toBe('revoked');
    await refuses('conflict', minting.settle(idempotencyKey, { keep: 'new' }));
  },

  'there is nothing to settle where no overlap was opened': async (service, template) => {
    const idempotencyKey = newIdempotencyKey();
    await refuses('not_found', mintingOf(service).settle(idempotencyKey, { keep: 'new' }));
    await service.create({ ...template, name: 'single' }, { idempotencyKey });
    await refuses('not_found', mintingOf(service).settle(idempotencyKey, { keep: 'new' }));
  },
};
