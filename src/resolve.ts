/** From what a person types to a key: an id, or a name that fits exactly one live key. */
import { KeysError } from './errors.ts';
import { isLive } from './filter.ts';
import { allKeys, type Key, type KeyService } from './keys.ts';

/** Throws `not_found`, and `conflict` with the candidates when a name fits several keys. */
export async function findKey(service: KeyService, ref: string, namespace?: string): Promise<Key> {
  const byId = await service.get(ref).catch((error: unknown) => {
    if (error instanceof KeysError && error.code === 'not_found') return null;
    throw error;
  });
  if (byId) return byId;
  const candidates: Key[] = [];
  for await (const page of allKeys(service, { nameGlob: ref, namespace })) {
    candidates.push(...page.filter((key) => key.name === ref && isLive(key.status)));
  }
  const [only, ...others] = candidates;
  if (only && others.length === 0) return only;
  if (!only)
    throw new KeysError('not_found', `there is no key with the id or name '${ref}'`, {
      hint: 'keys list shows what there is',
    });
  throw new KeysError('conflict', `'${ref}' is the name of ${candidates.length} keys`, {
    hint: `give the id: ${candidates.map(({ id }) => id).join(', ')}`,
  });
}
