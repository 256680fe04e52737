let loaded: typeof import('node:crypto') | undefined;

/** `node:crypto` at its first use: to load it takes a good part of a short start, and a list does without. */
export function nodeCrypto(): typeof import('node:crypto') {
  loaded ??= process.getBuiltinModule('node:crypto');
  return loaded;
}
