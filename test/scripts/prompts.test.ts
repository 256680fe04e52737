/** The built command at a question, on a real terminal. */
import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { newShell } from './shell.ts';

const noTerminal = spawnSync('script', ['--version']).status !== 0;
const unless = noTerminal ? ' (script is not installed)' : '';

test.skipIf(noTerminal).each([
  ['Ctrl-C', "printf '\\003' >&3", 130, 'interrupted'],
  ['Ctrl-D', "printf '\\004' >&3", 130, 'interrupted'],
  ['the answer no', "printf 'n\\r' >&3", 130, 'nothing was changed'],
  ['SIGINT', 'kill -INT $(cat pid)', 130, 'interrupted'],
  ['SIGTERM', 'kill -TERM $(cat pid)', 143, 'ended by SIGTERM'],
  ['SIGHUP', 'kill -HUP $(cat pid)', 143, 'ended by SIGHUP'],
])(
  `a question that ends with %s: exit code, one line about it, and nothing is changed${unless}`,
  async (_how, act, code, words) => {
    const shell = newShell();
    await shell.run('keys create x --discard');
    const { code: seen, stdout } = await shell.run(`mkfifo typed
    script -qefc 'echo $$ > pid; exec keys revoke x' screen < typed > /dev/null & asking=$!
    exec 3> typed
    until grep -q y/N screen 2> /dev/null; do kill -0 $asking || exit 99; done
    ${act}
    wait $asking; code=$?
    cat screen; exit $code`);
    expect({ seen, stdout }).toEqual({ seen: code, stdout: expect.stringContaining(`keys: ${words}\r\n`) });
    expect(stdout).not.toMatch(/Warning|await/);
    expect((await shell.run('keys list -o name')).stdout).toBe('x\n');
  },
);
