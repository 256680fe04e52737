/** YAML as people write it, and where in it something stands. */
import {
  type Document,
  isMap,
  isScalar,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  visit,
  type YAMLMap,
} from 'yaml';

export interface Place {
  readonly line: number;
  readonly col: number;
}

interface Problem {
  readonly what: string;
  readonly place?: Place;
}

/** What a text says. Throws what `broken` makes of a text that is no YAML. */
export function readYaml(source: string, broken: (what: string, place?: Place) => Error) {
  const lines = new LineCounter();
  const document = parseDocument(source, { lineCounter: lines, logLevel: 'error' });
  const problem = syntaxProblem(document) ?? aliasProblem(document, lines);
  if (problem) throw broken(problem.what, problem.place);
  try {
    return { document, lines, value: document.toJS({ maxAliasCount: 100 }) as unknown };
  } catch (error) {
    throw broken((error as Error).message);
  }
}

/** The library's words where they are for the person who wrote the text. */
function syntaxProblem({ errors, warnings }: Document.Parsed): Problem | null {
  const found = errors[0] ?? warnings[0];
  if (!found) return null;
  const said = found.message.split(/ at line \d/)[0] ?? 'cannot be read';
  return {
    what: found.code === 'MULTIPLE_DOCS' ? 'there is a second document after ---; one is read' : said,
    place: found.linePos?.[0],
  };
}

/** What YAML makes of `*.view` without quotes. */
function aliasProblem(document: Document.Parsed, lines: LineCounter): Problem | null {
  let problem: Problem | null = null;
  visit(document, {
    Alias(_, alias) {
      if (alias.resolve(document)) return;
      const { source, range } = alias;
      const what = `there is no anchor &${source}; text that begins with * takes quotes: '*${source}'`;
      problem = { what, place: lines.linePos(range?.[0] ?? 0) };
      return visit.BREAK;
    },
  });
  return problem;
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
