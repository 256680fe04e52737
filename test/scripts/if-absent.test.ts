/** Jobs that start at the same time, with the built command. */
import { expect, test } from 'vitest';
import { newShell } from './shell.ts';

test('of four create --if-absent at the same time one prints the secret, and all exit 0', async () => {
  const shell = newShell();
  const { stdout } = await shell.run(`keys list
    for round in 1 2 3; do
      for i in 1 2 3 4; do { keys create ci-$round --if-absent -q > out.$i; echo $? > code.$i; } & done; wait
      cat code.*; cat out.* | keys verify -o name
    done
    ls state/operations | grep -c lock`);
  // What is printed into a file is known to have arrived: nothing is left of the operation.
  expect(stdout).toBe(`${[1, 2, 3].map((round) => `0\n0\n0\n0\nci-${round}\n`).join('')}0\n`);
});
