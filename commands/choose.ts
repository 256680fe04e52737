/** Which key is meant: what was typed, or what a person chooses from a list that can be searched. */
import type { App } from '../src/app.ts';
import { KeysError } from '../src/errors.ts';
import { keyMatcher } from '../src/filter.ts';
import { allKeys, type Key, type KeyFilter, type KeyService } from '../src/keys.ts';
import { findKey } from '../src/resolve.ts';
import { terminalSafe } from '../src/text.ts';
import { called, toldExpiry } from './key-noun.ts';

/** Throws `invalid` where nothing was typed and nobody can be asked. */
export async function oneKey(
  app: App,
  service: KeyService,
  ref: string | undefined,
  question: string,
): Promise<Key> {
  if (ref !== undefined) return findKey(service, ref, await app.namespace());
  return chooseKey(app, service, question);
}

export async function chooseKey(
  app: App,
  service: KeyService,
  question: string,
  filter: KeyFilter = {},
): Promise<Key> {
  requireAnswer(app, 'which key? Give its id or name', 'keys list shows what there is');
  const conditions = { namespace: (await app.namespace()) ?? undefined, ...filter };
  const matches = keyMatcher(conditions, app.now());
  const keys: Key[] = [];
  for await (const page of allKeys(service, conditions)) keys.push(...page.filter(matches));
  if (keys.length === 0) throw new KeysError('not_found', 'there is no key to choose');
  const { shortened } = await import('../src/table.ts');
  return app.prompt.search(question, (term) =>
    keys
      .filter((key) => called(key).toLowerCase().includes(term.trim().toLowerCase()))
      .map((key) => ({
        name: called({ ...key, name: shortened(terminalSafe(key.name), 40) }),
        value: key,
        description: about(service, key, app.now()),
      })),
  );
}

/** Throws `invalid` with what is missing when there is nobody to ask. */
export function requireAnswer(app: App, missing: string, hint: string): void {
  if (!app.prompt.available) throw new KeysError('invalid', missing, { hint });
}

function about({ capabilities }: KeyService, key: Key, nowMs: number): string {
  const when = toldExpiry(capabilities, key, nowMs);
  const parts = [key.status, key.owner, key.roles.join(', '), when, key.description];
  return terminalSafe(parts.filter(Boolean).join(' · '));
}
