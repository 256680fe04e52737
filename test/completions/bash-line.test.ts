import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bashReplies, readLine } from '../../commands/complete/bash.ts';

/** Names as a service may hold them, rich in what means something to a shell. */
const name = fc
  .array(
    fc.oneof(fc.constantFrom(...'\'"\\$`!~#*?[]{}()<>|&;:=@%^ -'), fc.constantFrom(...'ab中é🔑\u3000')),
    {
      minLength: 1,
      maxLength: 12,
    },
  )
  .map((characters) => characters.join(''));

/** What bash makes of each line: the arguments that a command would get. */
function inBash(lines: readonly string[]): string[][] {
  const script = lines
    .map((line) => `show() { printf '%s\\0' "$@"; printf 'END\\0'; }; show ${line}\n`)
    .join('');
  const words = execFileSync('bash', ['--norc'], {
    input: script,
    encoding: 'utf8',
    env: { LC_ALL: 'C.UTF-8' },
  });
  return words
    .split('END\0')
    .slice(0, -1)
    .map((call) => call.split('\0').slice(0, -1));
}

const openings = ['', "'", '"', "$'"];
const closings: Record<string, string> = { '': '', "'": "'", '"': '"', "$'": "'" };

test('a reply is read by bash as exactly the name, in whatever quotes it was begun', () => {
  const all = fc.sample(name, 2_000);
  for (const opening of openings) {
    const lines = all.map((one) => {
      const [reply] = bashReplies(`keys show ${opening}`, '', [one]);
      return `${opening}${reply}${closings[opening]}`;
    });
    expect(inBash(lines)).toEqual(all.map((one) => [one]));
  }
});

test('a line is read as bash reads it', () => {
  const all = fc.sample(fc.array(name, { minLength: 1, maxLength: 4 }), 1_000);
  const lines = all.map((words, i) =>
    words
      .map((word, j) => {
        const opening = openings[(i + j) % openings.length] ?? '';
        return `${opening}${bashReplies(`keys ${opening}`, '', [word])}${closings[opening]}`;
      })
      .join(' '),
  );
  expect(lines.map((line) => readLine(`${line} `).earlier)).toEqual(inBash(lines));
});

test('what readline keeps of a word and the reply are the name together', () => {
  fc.assert(
    fc.property(name, fc.nat({ max: 12 }), fc.constantFrom(...openings), (whole, length, opening) => {
      const start = whole.slice(0, length);
      const [typed = ''] = bashReplies(`keys ${opening}`, '', [start]);
      const kept = `keys show ${opening}${typed}`;
      const [rest] = bashReplies(kept, '', [whole]);
      expect(readLine(`${kept}${rest}`).word).toBe(whole);
    }),
  );
});

test.each<[string, readonly string[], string, boolean]>([
  ['keys ', ['keys'], '', false],
  ['keys sh', ['keys'], 'sh', false],
  ['keys show "a b', ['keys', 'show'], 'a b', false],
  ["keys show 'a\\b", ['keys', 'show'], 'a\\b', false],
  ['keys show "a\\$b\\c', ['keys', 'show'], 'a$b\\c', false],
  ['keys show a\\', ['keys', 'show'], 'a', false],
  ['keys list > out', ['keys', 'list'], 'out', true],
  ['keys list 2>', ['keys', 'list'], '', true],
  ['keys list 2>&1 --st', ['keys', 'list'], '--st', false],
  ['keys list >>log --st', ['keys', 'list'], '--st', false],
  ['true; keys sh', ['keys'], 'sh', false],
])('%s', (line, earlier, word, redirects) => {
  expect(readLine(line)).toMatchObject({ earlier, word, redirects });
});
