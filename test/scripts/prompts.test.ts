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

test.skipIf(noTerminal)(
  `a terminal that goes away at a question is an interruption, and nothing is changed${unless}`,
  async () => {
    const shell = newShell();
    await shell.run('keys create x --discard');
    const { code, stdout } = await shell.run(`mkfifo typed
    script -qefc 'trap "" HUP; keys revoke x; echo $? > code' screen < typed > /dev/null & asking=$!
    exec 3> typed
    until grep -q y/N screen 2> /dev/null; do kill -0 $asking || exit 99; done
    kill -KILL $asking; wait $asking 2> /dev/null
    until [ -s code ]; do sleep 0.01; done; cat code`);
    expect({ code, stdout }).toEqual({ code: 0, stdout: '130\n' });
    expect((await shell.run('keys list -o name')).stdout).toBe('x\n');
  },
);

test.skipIf(noTerminal).each([
  ['', true],
  ['--no-color', false],
])(`a question with '%s' is drawn in colours: %s${unless}`, async (option, colours) => {
  const shell = newShell();
  await shell.run('keys create x --discard');
  const { stdout } = await shell.run(`mkfifo typed
    TERM=xterm script -qefc 'keys revoke x ${option}' screen < typed > /dev/null & asking=$!
    exec 3> typed
    until grep -q y/N screen 2> /dev/null; do kill -0 $asking || exit 99; done
    printf 'n\\r' >&3
    wait $asking
    cat screen`);
  const esc = String.fromCharCode(27);
  expect(stdout.includes(`${esc}[1m`)).toBe(colours);
});

test.skipIf(noTerminal)(`a question holds nothing that a terminal would act on${unless}`, async () => {
  const shell = newShell();
  await shell.run('keys create x --discard && keys serve backup b --database data/keys.db');
  const { stdout } = await shell.run(`mkfifo typed
    export database=$'data/\\e]0;owned\\a\\u202e.db'
    cp data/keys.db "$database"
    script -qefc 'keys serve restore b --database "$database"' screen < typed > /dev/null & asking=$!
    exec 3> typed
    until grep -q y/N screen 2> /dev/null; do kill -0 $asking || exit 99; done
    printf 'n\\r' >&3
    wait $asking
    cat screen`);
  expect(stdout).toContain('Replace data/]0;owned.db?');
  const esc = String.fromCharCode(27);
  expect(stdout).not.toContain(`${esc}]0;owned`);
  expect(stdout).not.toContain('\u202e');
});
