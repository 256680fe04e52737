/** From what a person types to a key: an id, or a name that fits exactly one live key. */
import { KeysError } from './errors.ts';
import { isLive } from './filter.ts';
import { allKeys, type Key, type KeyService } from './keys.ts';

/** Throws `not_found`, and `conflict` with the candidates when a name fits several keys. */
export async function findKey(service: KeyService, ref: string, namespace?: string | null): Promise<Key> {
  if (ref.trim() === '') throw new KeysError('invalid', 'the id or name of a key cannot be empty');
  const key = (await findById(service, ref)) ?? (await findByName(service, ref, namespace));
  if (key) return key;
  throw new KeysError('not_found', `there is no key with the id or name '${ref}'`, {
    hint: 'keys list shows what there is',
  });
}

/** The live key of this very name, if there is one. Throws `conflict` when there are several. */
export async function findByName(
  service: KeyService,
  name: string,
  namespace?: string | null,
): Promise<Key | null> {
  const wanted = plain(name);
  const candidates: Key[] = [];
  for await (const page of allKeys(service, { nameGlob: wanted, namespace: namespace ?? undefined })) {
    candidates.push(...page.filter((key) => plain(key.name) === wanted && isLive(key.status)));
  }
  const [only = null, ...others] = candidates;
  if (others.length === 0) return only;
  throw new KeysError('conflict', `'${name}' is the name of ${candidates.length} keys`, {
    hint: `give the id: ${candidates.map(({ id, namespace }) => (namespace ? `${id} (${namespace})` : id)).join(', ')}`,
  });
}

async function findById(service: KeyService, id: string): Promise<Key | null> {
  try {
    return await service.get(id);
  } catch (error) {
    // Some services refuse what cannot be an id of theirs instead of not finding it.
    if (error instanceof KeysError && (error.code === 'not_found' || error.code === 'invalid')) return null;
    throw error;
  }
}

/** An accent typed as a character of its own is no other name. */
function plain(name: string): string {
  return name.normalize('NFC').trim();
}
