/** A mapping file, read strictly. */
import { readFile } from 'node:fs/promises';
import * as z from 'zod/mini';
import { KeysError } from '../../errors.ts';
import { nearest } from '../../text.ts';
import { placeOf, placeText, readYaml } from '../../yaml-place.ts';
import { type Mapping, mappingSchema } from './mapping.ts';

const longestBytes = 262_144;
const reference = 'docs/rest-driver.md has every field';

/** Throws `invalid` with file, line, column, what is wrong and what to write instead; `not_found` when there is no file. */
export async function loadMapping(path: string): Promise<Mapping> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    const code = error.code === 'ENOENT' ? 'not_found' : 'invalid';
    throw new KeysError(code, `the mapping file ${path} cannot be read: ${reasonOf(error)}`, {
      hint: givenAs('--mapping FILE', 'KEYS_MAPPING'),
    });
  });
  return parseMapping(path, text);
}

/** How a profile is told something: there is one already, one is being made, or the environment is it. */
export function givenAs(option: string, variable: string): string {
  return `give it with ${option} (keys profile add, keys auth login), or in ${variable}`;
}

/** Throws `invalid` as `loadMapping`. */
export function parseMapping(path: string, source: string): Mapping {
  if (source.length > longestBytes) throw broken(path, 'is larger than a mapping ever is');
  const { document, lines, value } = readYaml(source, (what, place) => {
    const braces = /flow-map|flow map/i.test(what) ? "; text with braces takes quotes: '/keys/{id}'" : '';
    return broken(placeText(path, place), what + braces);
  });
  const parsed = mappingSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = innermost(parsed.error.issues[0] as z.core.$ZodIssue);
  if (issue.code === 'unrecognized_keys') {
    const [key = ''] = issue.keys;
    const place = placeText(path, placeOf(lines, document, [...issue.path, key]));
    throw unknownKey(place, key, issue.path, value);
  }
  const place = placeText(path, placeOf(lines, document, issue.path));
  const subject = issue.path.join('.') || 'the file';
  const message = issue.code === 'invalid_key' ? (issue.issues[0]?.message ?? issue.message) : issue.message;
  const absent = message.startsWith('must ') && valueAt(value, issue.path) === undefined;
  throw broken(
    place,
    `${subject}${message.startsWith(':') ? '' : ' '}${absent ? 'is missing; it ' : ''}${message}`,
  );
}

/** Of alternatives none of which fits, the one that was meant: it fits at its root. */
function innermost(issue: z.core.$ZodIssue): z.core.$ZodIssue {
  if (issue.code !== 'invalid_union') return issue;
  const meant = issue.errors.find(
    ([first]) =>
      first && !(first.path.length === 0 && ['invalid_type', 'invalid_value'].includes(first.code)),
  );
  const [first] = meant ?? [];
  return first ? innermost({ ...first, path: [...issue.path, ...first.path] } as z.core.$ZodIssue) : issue;
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (at, key) =>
      typeof at === 'object' && at !== null ? (at as Record<PropertyKey, unknown>)[key] : undefined,
    value,
  );
}

function unknownKey(place: string, key: string, at: readonly PropertyKey[], value: unknown): KeysError {
  const known = knownAt(z.toJSONSchema(mappingSchema), at, valueAt(value, at));
  const near = nearest(key, known);
  const where = at.length === 0 ? 'here' : `in ${at.join('.')}`;
  return new KeysError('invalid', `${place}: there is no field '${key}' ${where}`, {
    hint: `${near ? `did you mean '${near}'? ` : ''}known here: ${known.join(', ')}`,
  });
}

interface Shape {
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly propertyNames?: { readonly enum?: readonly string[] };
  readonly const?: unknown;
  readonly additionalProperties?: Shape | boolean;
  readonly items?: Shape;
  readonly anyOf?: readonly Shape[];
  readonly oneOf?: readonly Shape[];
}

/** The fields that a map has room for; of several kinds of map, those of the kind that it says it is. */
function knownAt(schema: unknown, at: readonly PropertyKey[], value: unknown): string[] {
  let shapes = [schema as Shape];
  for (const key of at) {
    shapes = shapes.flatMap(alternatives).flatMap(({ properties, additionalProperties, items }) => {
      const next = properties?.[String(key)] ?? (typeof key === 'number' ? items : additionalProperties);
      return typeof next === 'object' ? [next] : [];
    });
  }
  const isMeant = ({ properties = {} }: Shape) =>
    Object.entries(properties).every(
      ([name, { const: only }]) => only === undefined || only === valueAt(value, [name]),
    );
  const names = shapes
    .flatMap(alternatives)
    .filter(isMeant)
    .flatMap(({ properties = {}, propertyNames }) => [
      ...Object.keys(properties),
      ...(propertyNames?.enum ?? []),
    ]);
  return [...new Set(names)];
}

function alternatives(shape: Shape): readonly Shape[] {
  return shape.anyOf ?? shape.oneOf ?? [shape];
}

function broken(place: string, what: string): KeysError {
  return new KeysError('invalid', `${place}: ${what}`, { hint: reference });
}

function reasonOf({ code, message }: NodeJS.ErrnoException): string {
  const reasons: Record<string, string> = {
    ENOENT: 'there is none',
    EISDIR: 'it is a directory',
    EACCES: 'that is not allowed',
  };
  return reasons[code ?? ''] ?? message;
}
