import { KeysError } from '../errors.ts';

/**
 * Splits a command line into words as a shell does, with single quotes, double quotes and backslashes, and does nothing else that a
 * shell does: what would mean something to one outside quotes is refused rather than passed on as text. Throws `invalid`.
 */
export function splitWords(line: string): string[] {
  const words: string[] = [];
  const token = /\s+|'([^']*)'|"((?:[^"\\]|\\.)*)"|\\(.)|([^\s'"\\]+)|(['"\\])/gsu;
  let word: string | null = null;
  for (const [space, single, double, escaped, bare, unclosed] of line.matchAll(token)) {
    if (unclosed !== undefined) {
      throw new KeysError(
        'invalid',
        unclosed === '\\' ? 'a backslash at the end' : `a quote ${unclosed} that is never closed`,
      );
    }
    const meant = bare === undefined ? null : /[|&;<>`$]/.exec(bare);
    if (meant) {
      throw new KeysError(
        'invalid',
        `no shell runs the command, and '${meant[0]}' means something to a shell only`,
        {
          hint: `quote it, or run a shell: sh -c '…'`,
        },
      );
    }
    const text = single ?? double?.replace(/\\(["\\$`])/g, '$1') ?? escaped ?? bare;
    if (text !== undefined) word = (word ?? '') + text;
    else if (space !== undefined && word !== null) {
      words.push(word);
      word = null;
    }
  }
  return word === null ? words : [...words, word];
}
