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

/** `1 key`, `3 keys`. */
export function count(amount: number, noun: string): string {
  return `${amount} ${noun}${amount === 1 ? '' : 's'}`;
}

/** `*` stands for any characters, `?` for one; everything else for itself, case included. */
export function globToRegExp(glob: string): RegExp {
  const source = [...glob].map((c) => (c === '*' ? '.*' : c === '?' ? '.' : RegExp.escape(c))).join('');
  return new RegExp(`^${source}$`, 'su');
}
