/** A command line as bash reads it, and candidates as bash would have them typed. Nothing is expanded, nothing is run. */

type Quote = 'none' | 'single' | 'double' | 'dollar';

export interface Line {
  /** The words before the last, with the name of the program. */
  readonly earlier: readonly string[];
  /** The last word, without its quotes; empty after a blank. */
  readonly word: string;
  /** How the next character would be quoted. */
  readonly quote: Quote;
  /** Whether the last word is the target of `<` or `>`. */
  readonly redirects: boolean;
}

/** Reads a line up to the cursor; a quote may be open. */
export function readLine(line: string): Line {
  let earlier: string[] = [];
  let word: string | null = null;
  let quote: Quote = 'none';
  let redirects = false;

  const endWord = () => {
    if (word !== null && !redirects) earlier.push(word);
    if (word !== null) redirects = false;
    word = null;
  };
  for (let i = 0; i < line.length; i++) {
    const c = line[i] ?? '';
    const next = line[i + 1] ?? '';
    if (quote !== 'none') {
      const closing = quote === 'double' ? '"' : "'";
      const escapes = quote === 'double' ? '"\\$`' : quote === 'dollar' ? "'\\" : '';
      if (c === closing) quote = 'none';
      else if (c === '\\' && next !== '' && escapes.includes(next)) {
        word += next;
        i++;
      } else word += c;
    } else if (c === '\\') {
      word = (word ?? '') + next;
      i++;
    } else if (c === "'" || c === '"') {
      quote = c === '"' ? 'double' : 'single';
      word ??= '';
    } else if (c === '$' && next === "'") {
      quote = 'dollar';
      word ??= '';
      i++;
    } else if (/[ \t\n]/.test(c)) {
      endWord();
    } else if (c === '<' || c === '>') {
      if (word !== null && /^\d+$/.test(word)) word = null;
      endWord();
      redirects = true;
      while (/[<>&|]/.test(line[i + 1] ?? '')) i++;
    } else if (/[;|&(]/.test(c)) {
      earlier = [];
      word = null;
      redirects = false;
    } else word = (word ?? '') + c;
  }
  return { earlier, word: word ?? '', quote, redirects };
}

/** The values as COMPREPLY wants them: in place of `replaced`, the end of `line`, and quoted as that is. */
export function bashReplies(line: string, replaced: string, values: readonly string[]): string[] {
  if (!line.endsWith(replaced)) return [];
  // What stays is quoted already, or was split off at a character of COMP_WORDBREAKS, such as the colon of `ci:deploy`.
  const { word: kept, quote } = readLine(line.slice(0, line.length - replaced.length));
  return values
    .filter((value) => value.startsWith(kept))
    .map((value) => quoted(value.slice(kept.length), quote));
}

function quoted(text: string, quote: Quote): string {
  switch (quote) {
    case 'none':
      return text.replace(/[^\p{L}\p{N}\p{M}_./:@%+=,-]/gu, '\\$&');
    case 'single':
      return text.replaceAll("'", "'\\''");
    case 'double':
      // History expansion works inside double quotes and knows no escape there.
      return text.replace(/["\\$`]/g, '\\$&').replaceAll('!', '"\\!"');
    case 'dollar':
      return text.replace(/['\\]/g, '\\$&');
  }
}
