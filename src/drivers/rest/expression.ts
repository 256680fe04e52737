/** JMESPath over what a service answers: a part that is not there, or is of the wrong kind, is `null`. */
import { compile, search } from '@jmespath-community/jmespath';

type Json = Parameters<typeof search>[0];

/** What is wrong with an expression, or null. */
export function expressionProblem(text: string): string | null {
  try {
    const unknown = functionsIn(compile(text)).find((name) => !isFunction(name));
    return unknown === undefined ? null : `there is no function ${unknown}()`;
  } catch (error) {
    return (error as Error).message.split('\n')[0] ?? 'it cannot be read';
  }
}

function functionsIn(node: unknown): string[] {
  if (typeof node !== 'object' || node === null) return [];
  const { type, name } = node as { type?: unknown; name?: unknown };
  const own = type === 'Function' && typeof name === 'string' ? [name] : [];
  return [...own, ...Object.values(node).flatMap(functionsIn)];
}

/** The library tells an unknown function only when it calls it, and a value of the wrong type in the same way. */
function isFunction(name: string): boolean {
  try {
    search(null, `${name}()`);
    return true;
  } catch (error) {
    return !(error as Error).message.startsWith('Unknown function');
  }
}

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
