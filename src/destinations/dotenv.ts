/**
 * One assignment in the text of a dotenv file, edited with all the rest kept byte for byte. Text is latin1 here: one character a
 * byte, so that what is no UTF-8 survives.
 *
 * There is no standard. The readers that count (the npm package dotenv, Node's `--env-file`, shells that source the file, Docker
 * Compose) agree on much and differ at the edges; an edit is made only where they agree, and is checked with Node's own reader.
 */
import { parseEnv } from 'node:util';
import { KeysError } from '../errors.ts';

const bom = '\xEF\xBB\xBF';

/**
 * The file's text with `name` set to `value` (latin1 too): every assignment of the name gets the new value, so that it does not
 * matter whether a reader takes the first or the last; where there is none, one is added at the end. Throws `invalid`.
 */
export function setVariable(text: string, name: string, value: string): string {
  if (text.includes('\0'))
    throw new KeysError('invalid', 'it is not a dotenv file: there are NUL bytes in it');
  const quoted = quote(value);
  const spans = assignmentsOf(text).filter((assignment) => assignment.name === name);
  let edited = '';
  let end = 0;
  for (const { valueStart, valueEnd } of spans) {
    // Shells run what others take for a part of the value: to replace it would end the export, to keep it spoil the value.
    if (/;[ \t]*export[ \t]/.test(text.slice(valueStart, valueEnd))) {
      throw new KeysError('invalid', `${name} is exported on the line of its assignment`, {
        hint: `write 'export ${name}=…' in its place`,
      });
    }
    edited += text.slice(end, valueStart) + quoted;
    // A comment that stood right after the equals sign would otherwise become a part of the value.
    if (text[valueEnd] === '#') edited += ' ';
    end = valueEnd;
  }
  edited += text.slice(end);
  if (spans.length === 0) edited = append(text, `${name}=${quoted}`);
  check(text, edited, name, value);
  return edited;
}

/** The value that readers see; `null` when the name is not assigned. */
export function getVariable(text: string, name: string): string | null {
  return read(text)[name] ?? null;
}

function append(text: string, line: string): string {
  const newline = /\r?\n/.exec(text)?.[0] ?? '\n';
  const separator = text === '' || text === bom || text.endsWith('\n') ? '' : newline;
  return `${text}${separator}${line}${newline}`;
}

/**
 * Bare where that is safe for every reader, else in the quotes within which none of them changes anything. Throws `invalid` when there
 * is no such form: what one reader undoes, another takes literally, and a shell would run.
 */
function quote(value: string): string {
  if (/^[A-Za-z0-9_.,:/@%+=^-]+$/.test(value)) return value;
  if (!/['\r\0]|\\$/.test(value)) return `'${value}'`;
  if (!/["\\$`!\r\n\0]/.test(value)) return `"${value}"`;
  throw new KeysError(
    'invalid',
    'the secret has characters that readers of dotenv files understand differently',
    {
      hint: 'use --to file:PATH',
    },
  );
}

interface Assignment {
  readonly name: string;
  readonly valueStart: number;
  readonly valueEnd: number;
}

function assignmentsOf(text: string): Assignment[] {
  const found: Assignment[] = [];
  const start = /[ \t]*(?:export[ \t]+)?([\w.-]+)[ \t]*=/y;
  let position = text.startsWith(bom) ? bom.length : 0;
  while (position < text.length) {
    start.lastIndex = position;
    const name = start.exec(text)?.[1];
    if (name === undefined) {
      position = nextLine(text, position);
      continue;
    }
    const [valueStart, valueEnd] = valueAfter(text, start.lastIndex);
    found.push({ name, valueStart, valueEnd });
    position = nextLine(text, valueEnd);
  }
  return found;
}

/** Where the value begins and ends that follows an equals sign; an empty one stands right behind it. */
function valueAfter(text: string, equals: number): [number, number] {
  let start = equals;
  while (text[start] === ' ' || text[start] === '\t') start += 1;
  const mark = text[start] ?? '\n';
  if ('#\r\n'.includes(mark)) return [equals, equals];
  if ('"\'`'.includes(mark)) {
    let close = text.indexOf(mark, start + 1);
    while (close > 0 && text[close - 1] === '\\') close = text.indexOf(mark, close + 1);
    if (close > 0) return [start, close + 1];
  }
  // No regular expression: one that looks for the end from each space takes minutes on a line of spaces.
  let end = start;
  for (let at = start; at < text.length && text[at] !== '\r' && text[at] !== '\n'; at += 1) {
    const isSpace = text[at] === ' ' || text[at] === '\t';
    if (isSpace && text[at + 1] === '#') break;
    if (!isSpace) end = at + 1;
  }
  return [start, end];
}

function nextLine(text: string, from: number): number {
  const newline = text.indexOf('\n', from);
  return newline < 0 ? text.length : newline + 1;
}

/** Node takes `export` for a part of the name unless exactly one space follows it, and something the equals sign. */
function read(text: string): Record<string, string | undefined> {
  const entries = Object.entries(parseEnv(text.startsWith(bom) ? text.slice(bom.length) : text));
  return Object.fromEntries(entries.map(([name, value]) => [name.replace(/^\s*export\s+/, ''), value]));
}

/** Nothing but the one variable may read differently afterwards. */
function check(before: string, after: string, name: string, value: string): void {
  const expected = { ...read(before), [name]: value };
  const actual = read(after);
  const names = new Set([...Object.keys(expected), ...Object.keys(actual)]);
  for (const each of names) {
    if (actual[each] === expected[each]) continue;
    throw new KeysError(
      'invalid',
      `its assignment of ${each} would read differently afterwards; look for an unclosed quote, or a value of spaces only`,
      {
        hint: 'put the file right, or use --to file:PATH',
      },
    );
  }
}
