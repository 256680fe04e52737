/** How a key's secret can be exchanged on its service without its consumers ever standing at a closed door. */
import { KeysError } from '../errors.ts';
import { allKeys, type Key, type KeyService, type NewKey } from '../keys.ts';
import { shellArgument } from '../text.ts';
import { durationText } from '../time.ts';
import type { MintRequest } from './operation.ts';

export interface RotationWishes {
  /** How long the old secret goes on after the test; absent when nobody said. */
  readonly graceMs?: number;
  /** Whether the old secret may die before the new one has arrived. */
  readonly allowGap?: boolean;
  /** Whether a rotation that was begun and is lost is to be left behind. */
  readonly takeOver?: boolean;
}

export interface Rotation {
  readonly request: MintRequest;
  readonly graceMs: number;
}

/** One day: time for every consumer that reads its secret at its start, or at a deployment, to have the new one. */
const usualGraceMs = 86_400_000;

/** Throws `unsupported` for what no key of this service can have: told before the service is asked for one. */
export function requireWishes({ minting, capabilities }: KeyService, wishes: RotationWishes): void {
  if (minting) return;
  const { title } = capabilities;
  if (wishes.takeOver) {
    throw new KeysError('unsupported', `${title} does not keep two secrets: there is nothing to take over`);
  }
  if (wishes.graceMs) {
    throw new KeysError('unsupported', `${title} cannot end an old secret later by itself`, {
      hint: '--grace 0 ends it as soon as the new one has been tested',
    });
  }
}

/** Throws `conflict` for a key that is not in use, `unsupported` when the service offers no way. */
export async function planRotation(
  service: KeyService,
  key: Key,
  wishes: RotationWishes,
  nowMs: number,
): Promise<Rotation> {
  if (key.status !== null && key.status !== 'active') {
    throw new KeysError('conflict', `${key.name} is ${key.status}; there is nothing in use to rotate`, {
      hint: key.status === 'disabled' ? `keys enable ${shellArgument(key.id)}` : null,
    });
  }
  if (service.minting)
    return {
      request: {
        kind: 'overlap',
        id: key.id,
        version: key.version,
        ...(wishes.takeOver ? { takeOver: true } : {}),
      },
      graceMs: wishes.graceMs ?? usualGraceMs,
    };
  const { verbs, title } = service.capabilities;
  requireWishes(service, wishes);
  if (wishes.allowGap && verbs.includes('regenerate')) {
    return { request: { kind: 'regenerate', id: key.id, graceMs: 0, version: key.version }, graceMs: 0 };
  }
  if (!verbs.includes('create') || !verbs.includes('revoke')) {
    throw new KeysError('unsupported', `${title} cannot keep two secrets, so an exchange leaves a gap`, {
      hint: verbs.includes('regenerate')
        ? '--allow-gap regenerates in place: the old secret dies first'
        : null,
    });
  }
  return {
    request: { kind: 'successor', of: key.id, key: await successorOf(service, key, nowMs) },
    graceMs: 0,
  };
}

/** What has become of the old secret, for a person. */
export function farewell({ request, graceMs }: Rotation, { expiresAt }: Key, nowMs: number): string {
  if (request.kind === 'successor') return 'the old key is revoked';
  if (graceMs === 0) return 'the old secret is dead';
  if (expiresAt !== null && Date.parse(expiresAt) <= nowMs + graceMs)
    return 'the old secret works until the key expires';
  return `the old secret works for another ${durationText(graceMs)}`;
}

/** A new key like the old one, as far as the service lets one say so, under the next free name. */
async function successorOf(service: KeyService, key: Key, nowMs: number): Promise<NewKey> {
  const taken = new Set<string>();
  let active = 0;
  for await (const page of allKeys(service, { namespace: key.namespace ?? undefined })) {
    for (const { name, status } of page) {
      taken.add(name);
      if (status === 'active') active += 1;
    }
  }
  const { fields, maxActiveKeys, title, untold = [] } = service.capabilities;
  const tellsUse = !untold.includes('lastUsedAt');
  if (maxActiveKeys !== undefined && active >= maxActiveKeys) {
    throw new KeysError(
      'quota_exceeded',
      `${title} allows ${maxActiveKeys} keys and there are ${active}: no room for a successor`,
      {
        hint: `revoke a key that is not used (keys list${tellsUse ? ' --unused-for 90d' : ''}), then rotate`,
      },
    );
  }
  const wanted: NewKey = {
    name: nextName(key.name, taken),
    namespace: key.namespace ?? undefined,
    description: key.description ?? undefined,
    type: key.type ?? undefined,
    roles: key.roles,
    permissions: key.permissions,
    apiVersion: key.apiVersion ?? undefined,
    owner: key.owner ?? undefined,
    labels: key.labels,
    expiresAt: sameLifetime(key, nowMs),
  };
  const kept = Object.entries(wanted).filter(
    ([field]) => field === 'name' || (fields as string[]).includes(field),
  );
  return Object.fromEntries(kept) as unknown as NewKey;
}

/** `ci-deploy` → `ci-deploy-2` → `ci-deploy-3`, skipping what is taken. */
function nextName(name: string, taken: ReadonlySet<string>): string {
  const [, stem = name, number] = /^(.*)-(\d{1,6})$/s.exec(name) ?? [];
  let next = Number(number ?? 1) + 1;
  while (taken.has(`${stem}-${next}`)) next += 1;
  return `${stem}-${next}`;
}

/** An expiring key's successor lives as long as the key was given at its creation. */
function sameLifetime({ expiresAt, createdAt }: Key, nowMs: number): string | null {
  if (expiresAt === null) return null;
  if (createdAt === null) return expiresAt;
  return new Date(nowMs + Date.parse(expiresAt) - Date.parse(createdAt)).toISOString();
}
