/** JMESPath over what a service answers: a part that is not there, or is of the wrong kind, is `null`. */
import { search } from '@jmespath-community/jmespath';

type Json = Parameters<typeof search>[0];

export function find(expression: string, value: unknown): unknown {
  try {
    return search(value as Json, expression) ?? null;
  } catch {
    return null;
  }
}

export function findText(expression: string | undefined, value: unknown): string | null {
  return expression === undefined ? null : textOf(find(expression, value));
}

/** Text as it is, a number or a truth value as text; `null` for all else and for nothing. */
export function textOf(value: unknown): string | null {
  if (typeof value === 'string') return value === '' ? null : value;
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : null;
}
