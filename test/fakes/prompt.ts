/** A person at the prompts, who answers what the test says. */
import type { Choice, Prompt } from '../../src/prompt.ts';
import { Secret } from '../../src/secret.ts';

/** `asked` must occur in the question. `answer` is typed text, a choice's name (empty for the first), or yes or no. */
export interface ScriptedAnswer {
  readonly asked: string;
  readonly answer: string | boolean | Error;
}

export function scriptedPrompt(
  answers: readonly ScriptedAnswer[] | undefined,
  /** Sees every question, and the choices it offers. */
  onQuestion: (question: string, choices: readonly Choice<unknown>[]) => void = () => {},
): Prompt & { assertUsed(): void } {
  const left = [...(answers ?? [])];

  function next(
    question: string,
    choices: readonly Choice<unknown>[] = [],
  ): Exclude<ScriptedAnswer['answer'], Error> {
    onQuestion(question, choices);
    const scripted = left.shift();
    if (!scripted) throw new Error(`unexpected question: ${question}`);
    if (!question.includes(scripted.asked))
      throw new Error(`asked '${question}', expected '${scripted.asked}'`);
    if (scripted.answer instanceof Error) throw scripted.answer;
    return scripted.answer;
  }

  function pick<T>(question: string, choices: readonly Choice<T>[], name: unknown): T {
    const choice =
      name === ''
        ? choices[0]
        : choices.find((candidate) => candidate.name === name || candidate.value === name);
    if (!choice)
      throw new Error(`'${name}' is no choice of '${question}': ${choices.map((c) => c.name).join(', ')}`);
    return choice.value;
  }

  return {
    assertUsed() {
      if (left.length > 0) throw new Error(`never asked: ${left.map(({ asked }) => asked).join(', ')}`);
    },
    available: answers !== undefined,
    async input(question, { check } = {}) {
      const answer = String(next(question));
      const wrong = check?.(answer);
      if (wrong) throw new Error(`'${answer}' was refused: ${wrong}`);
      return answer;
    },
    password: async (question) => new Secret(String(next(question))),
    confirm: async (question) => next(question) === true,
    select: async (question, choices) => pick(question, choices, next(question, choices)),
    search: async (question, find) => {
      const answer = next(question, find(''));
      return pick(question, find(String(answer)), answer);
    },
  };
}
