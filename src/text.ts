/** Foreign text made safe: names, messages and everything else that a service, a file or another process chose. */

/** Controls, escapes, bidirectional and invisible format characters, line separators, lone surrogates, private use. */
const unsafe = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/gu;

/** For a terminal or a log line: unsafe characters are taken out, tabs and line breaks become a space. */
export function terminalSafe(text: string): string {
  return text.replace(/[\t\r\n\u2028\u2029]+/g, ' ').replace(unsafe, '');
}

/** For JSON text: the same data, with every unsafe character written as a `\u` escape. Line breaks of the layout stay. */
export function jsonSafe(json: string): string {
  return json.replace(unsafe, (character) =>
    character === '\n' ? character : character.split('').map(escapedUnit).join(''),
  );
}

/** The same for YAML whose strings are in double quotes; beyond 16 bits it has an escape of its own. */
export function yamlSafe(yaml: string): string {
  return yaml.replace(unsafe, (character) => {
    if (character === '\n') return character;
    const point = character.codePointAt(0) ?? 0;
    return point > 0xffff ? `\\U${point.toString(16).padStart(8, '0')}` : escapedUnit(character);
  });
}

function escapedUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** A word as a POSIX shell takes it: in quotes where it has to be. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** The same as the last argument of a command: what begins with a dash is no option there. */
export function shellArgument(word: string): string {
  return `${word.startsWith('-') ? '-- ' : ''}${shellWord(word)}`;
}

/** `1 key`, `3 keys`. */
export function count(amount: number, noun: string): string {
  return `${amount} ${noun}${amount === 1 ? '' : 's'}`;
}

/** `*` stands for any characters, `?` for one; everything else for itself, case included. */
export function globToRegExp(glob: string): RegExp {
  const [first = '', ...others] = glob
    .split('*')
    .map((part) => [...part].map((c) => (c === '?' ? '.' : RegExp.escape(c))).join(''));
  const last = others.pop();
  // What stands between two stars is taken where it comes first, for good: to try every place takes hours on a long name.
  const between = others.map((part, n) => `(?=(?<at${n}>.*?${part}))\\k<at${n}>`).join('');
  return new RegExp(`^${first}${between}${last === undefined ? '' : `.*${last}`}$`, 'su');
}

/** The candidate that a misspelt word most likely stands for, or null when none is near. */
export function nearest(word: string, candidates: readonly string[]): string | null {
  const typed = word.toLowerCase();
  let best: string | null = null;
  let least = Math.max(1, Math.ceil(word.length * 0.4)) + 1;
  for (const candidate of candidates) {
    const edits =
      typed !== '' && candidate.startsWith(typed) ? 1 : editDistance(typed, candidate.toLowerCase());
    if (edits < least) [best, least] = [candidate, edits];
  }
  return best;
}

/** How many letters to add, drop, replace or swap with their neighbour to make one word of the other. */
function editDistance(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  const at = (i: number, j: number): number => rows[i]?.[j] ?? Number.POSITIVE_INFINITY;
  for (let i = 1; i <= a.length; i++) {
    rows[i] = [i];
    for (let j = 1; j <= b.length; j++) {
      const swapped = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      (rows[i] ?? [])[j] = Math.min(
        at(i - 1, j) + 1,
        at(i, j - 1) + 1,
        at(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1),
        swapped ? at(i - 2, j - 2) + 1 : Number.POSITIVE_INFINITY,
      );
    }
  }
  return at(a.length, b.length);
}
