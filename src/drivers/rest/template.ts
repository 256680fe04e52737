/**
 * Templates of requests: `{name}` stands for a value, `{roles | [0]}` for what a JMESPath expression finds in it, and `{{` for
 * a brace. Text that is one placeholder and nothing else becomes the value itself, whatever its type.
 */
import { KeysError } from '../../errors.ts';
import { expressionProblem } from '../../jmespath.ts';
import { nearest } from '../../text.ts';
import { find, textOf } from './expression.ts';

export type Template =
  | null
  | boolean
  | number
  | string
  | readonly Template[]
  | { readonly [name: string]: Template };

/** Values by the name of their variable. Absent ones leave out what they stand in; `null` is sent as it is. */
export type Values = Readonly<Record<string, unknown>>;

interface Placeholder {
  readonly variable: string;
  readonly expression: string | null;
}

type Part = string | Placeholder;

/** Throws `invalid` for braces that do not fit, and for an expression that is none. */
function partsOf(text: string): Part[] {
  const parts: Part[] = [];
  let literal = '';
  for (let at = 0; at < text.length; at++) {
    const character = text[at] ?? '';
    if ((character === '{' || character === '}') && text[at + 1] === character) {
      literal += character;
      at++;
    } else if (character === '}') {
      throw new KeysError(
        'invalid',
        `there is a '}' without its '{' in '${text}'; a brace itself is written twice`,
      );
    } else if (character === '{') {
      const end = closing(text, at);
      if (literal !== '') parts.push(literal);
      literal = '';
      parts.push(placeholder(text.slice(at + 1, end)));
      at = end;
    } else literal += character;
  }
  return literal === '' ? parts : [...parts, literal];
}

function closing(text: string, from: number): number {
  let depth = 0;
  for (let at = from; at < text.length; at++) {
    if (text[at] === '{') depth++;
    if (text[at] === '}' && --depth === 0) return at;
  }
  throw new KeysError('invalid', `a '{' in '${text}' is not closed; a brace itself is written twice`);
}

function placeholder(inside: string): Placeholder {
  const [, variable = '', expression = null] = /^\s*([\w.-]+)\s*(?:\|(.*))?$/s.exec(inside) ?? [];
  if (variable === '') throw new KeysError('invalid', `'{${inside}}' does not name a value`);
  const wrong = expression === null ? null : expressionProblem(expression);
  if (wrong) throw new KeysError('invalid', `'${expression}' is no JMESPath expression: ${wrong}`);
  return { variable, expression };
}

/** What is wrong with the text of a template where only these variables may stand, or null. `setting.` stands for every setting. */
export function templateProblem(text: string, allowed: readonly string[]): string | null {
  try {
    const unknown = variablesOf(text).find(
      (name) => !allowed.includes(name) && !(name.startsWith('setting.') && allowed.includes('setting.')),
    );
    if (unknown === undefined) return null;
    const near = nearest(unknown, allowed);
    return `there is no {${unknown}} here${near ? `; did you mean {${near}}?` : ''}; known: ${allowed.map((name) => (name === 'setting.' ? '{setting.…}' : `{${name}}`)).join(', ')}`;
  } catch (error) {
    return (error as Error).message;
  }
}

/** The variables that a template uses, each as often as it does. */
export function variablesOf(template: Template | undefined): string[] {
  if (typeof template === 'string')
    return partsOf(template).flatMap((part) => (typeof part === 'string' ? [] : part.variable));
  if (typeof template !== 'object' || template === null) return [];
  return Object.values(template).flatMap((part) => variablesOf(part));
}

/** What a template says with these values; `undefined` for text in which one is absent. */
export function render(template: Template, values: Values): unknown {
  if (typeof template === 'string') return renderText(template, values);
  if (typeof template !== 'object' || template === null) return template;
  if (Array.isArray(template))
    return template.map((part) => render(part, values)).filter((value) => value !== undefined);
  const entries = Object.entries(template as Readonly<Record<string, Template>>).map(
    ([name, part]) => [name, render(part, values)] as const,
  );
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

function renderText(text: string, values: Values): unknown {
  const parts = partsOf(text);
  const [first] = parts;
  if (parts.length === 0) return '';
  if (parts.length === 1 && first !== undefined)
    return typeof first === 'string' ? first : filled(first, values);
  const texts = parts.map((part) => (typeof part === 'string' ? part : textOf(filled(part, values))));
  return texts.includes(null) ? undefined : texts.join('');
}

function filled({ variable, expression }: Placeholder, values: Values): unknown {
  const value = values[variable];
  if (value === undefined || expression === null) return value;
  return find(expression, value) ?? undefined;
}

/** What may stand in a path beside its values: nothing that a URL would read as more than itself. */
const plainPath = /^[\w.~!$&'()*+,;=:@/-]*$/;

/** What is wrong with the template of a path, or null. */
export function pathProblem(text: string, allowed: readonly string[]): string | null {
  const wrong = templateProblem(text, allowed);
  if (wrong) return wrong;
  if (!text.startsWith('/')) return "a path begins with '/'";
  const literals = partsOf(text).map((part) => (typeof part === 'string' ? part : 'x'));
  if (literals.some((literal) => !plainPath.test(literal)))
    return "a path has letters, digits and -._~!$&'()*+,;=:@ only; what follows '?' belongs into query";
  const segments = literals.join('').slice(1).split('/');
  if (
    segments.some(
      (segment, index) => (segment === '' && index < segments.length - 1) || /^\.\.?$/.test(segment),
    )
  )
    return "a path has no empty parts and no '.' or '..' among them";
  return null;
}

/**
 * A path with its values, encoded one by one, so that none can lead elsewhere. Throws `not_found` for a value that would be no
 * name, or name another place.
 */
export function renderPath(text: string, values: Values): string {
  const encoded = partsOf(text).map((part) => {
    if (typeof part === 'string') return part;
    const value = textOf(filled(part, values));
    // Some servers decode before they look for dots.
    if (value === null || /(^|[/\\])\.{1,2}([/\\]|$)/.test(value))
      throw new KeysError('not_found', `nothing has the ${part.variable} '${value ?? ''}'`);
    return encodeURIComponent(value.toWellFormed());
  });
  return encoded.join('');
}
