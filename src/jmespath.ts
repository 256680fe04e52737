/** Whether text is JMESPath. Loaded when there is some. */
import { compile, search } from '@jmespath-community/jmespath';

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
