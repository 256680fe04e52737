/** Versions of keys and users as entity tags. */

interface Reply {
  header(name: 'etag', value: string): unknown;
}

/** What is answered, with its version as the tag of the answer. */
export function tagged<T extends { readonly version: string | null }>(reply: Reply, shown: T): T {
  reply.header('etag', `"${shown.version}"`);
  return shown;
}

/** The version a change insists on; anything that is no tag of ours is no key's version. `null` for `*` and for no header. */
export function versionOf(ifMatch: string | undefined): string | null {
  if (ifMatch === undefined || ifMatch.trim() === '*') return null;
  return /^"([^"]*)"$/.exec(ifMatch.trim())?.[1] ?? '';
}
