/** Where in a YAML text something stands. */
import { type Document, isMap, isScalar, type LineCounter, type Node, type Pair, type YAMLMap } from 'yaml';

export interface Place {
  readonly line: number;
  readonly col: number;
}

/** What is wrong with a text as YAML, or null. The library's words where they are for the person who wrote it. */
export function syntaxProblem({ errors, warnings }: Document.Parsed): { what: string; place?: Place } | null {
  const found = errors[0] ?? warnings[0];
  if (!found) return null;
  const said = found.message.split(/ at line \d/)[0] ?? 'cannot be read';
  return {
    what: found.code === 'MULTIPLE_DOCS' ? 'there is a second document after ---; one is read' : said,
    place: found.linePos?.[0],
  };
}

/** Where a path begins: at its key, or at the nearest part of it that is there. */
export function placeOf(lines: LineCounter, document: Document, keys: readonly PropertyKey[]): Place {
  let node: unknown = document.contents;
  let offset = (document.contents as Node | null)?.range?.[0] ?? 0;
  for (const key of keys) {
    const pair = isMap(node) ? pairOf(node, String(key)) : undefined;
    const next: unknown = pair ? pair.value : (node as { items?: unknown[] } | null)?.items?.[Number(key)];
    const start = ((pair?.key ?? next) as Node | undefined)?.range?.[0];
    if (start === undefined) break;
    offset = start;
    node = next;
  }
  return lines.linePos(offset);
}

export function pairOf(map: YAMLMap, name: string): Pair | undefined {
  return map.items.find(({ key }) => String(isScalar(key) ? key.value : key) === name);
}

/** `file:line:column`, as editors and terminals open it. */
export function placeText(path: string, place?: Place): string {
  return place ? `${path}:${place.line}:${place.col}` : path;
}
