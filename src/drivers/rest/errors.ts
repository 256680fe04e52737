/** What an answer that is an error means. */
import { codeForStatus, KeysError } from '../../errors.ts';
import { type Answer, hintFor } from '../../http.ts';
import { unexplained } from '../foreign.ts';
import { find, findText } from './expression.ts';
import type { Mapping } from './mapping.ts';

/** The error an answer stands for, or `null`; `success` are the statuses that are none. */
export function answerError(
  { message: where, failed, codes = {}, texts = [] }: NonNullable<Mapping['errors']>,
  answer: Answer,
  success: readonly number[] | undefined,
): KeysError | null {
  const { status } = answer;
  if (status < 400 && !(failed && truthy(find(failed, answer.jsonOrNull())))) {
    if (!success || success.includes(status)) return null;
    return answer.nonsense(
      `the service answered with status ${status}, where its mapping has ${success.join(' or ')}`,
    );
  }
  const said = where === undefined ? null : messageIn(find(where, answer.jsonOrNull()));
  const fitting = texts.find(
    (each) => (each.status ?? status) === status && said?.toLowerCase().includes(each.contains.toLowerCase()),
  );
  const code = fitting?.code ?? codes[String(status)] ?? (status < 400 ? 'invalid' : codeForStatus(status));
  return new KeysError(code, said ?? unexplained(status), {
    hint: fitting?.hint ?? hintFor(code, said),
  });
}

/** Text, or the texts of a list. */
function messageIn(value: unknown): string | null {
  const texts = [value].flat().map((each) => findText('@', each)?.trim() ?? '');
  return texts.filter((text) => text !== '').join('; ') || null;
}

function truthy(value: unknown): boolean {
  return Array.isArray(value) ? value.length > 0 : Boolean(value);
}
