/** Versions of keys and users as entity tags. */

export function etagOf({ version }: { readonly version: string | null }): string {
  return `"${version}"`;
}

/** The version a change insists on; anything that is no tag of ours is no key's version. `null` for `*` and for no header. */
export function versionOf(ifMatch: string | undefined): string | null {
  if (ifMatch === undefined || ifMatch.trim() === '*') return null;
  return /^"([^"]*)"$/.exec(ifMatch.trim())?.[1] ?? '';
}
