/** The streams of a real process: what its terminal, its pipes and its files do to them. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryDirectory } from '../fakes/temporary.ts';

const setting = `
  import { writeFileSync } from 'node:fs';
  import { setTimeout as sleep } from 'node:timers/promises';
  import { processIo } from '${new URL('../../src/io.ts', import.meta.url)}';
  const interruption = new AbortController();
  const io = processIo(interruption.signal);
  const turns = async (amount) => { for (let n = 0; n < amount; n++) await sleep(5); };
  const lines = (name) => Array.from({ length: 20_000 }, (_, n) => name + n + '\\n').join('');
`;

/** Runs a line of bash in which `$RUN` is a process of Node that runs the script. */
function run(script: string, line = '$RUN', input: string | Buffer = '') {
  const cwd = temporaryDirectory();
  const env = { ...process.env, RUN: `${process.execPath} ${join(cwd, 'run.mjs')}` };
  const write = `cat > run.mjs <<'END'\n${setting}${script}\nEND\n`;
  spawnSync('bash', ['-c', write], { cwd });
  const { status, stdout, stderr } = spawnSync('bash', ['-c', line], { cwd, env, input, maxBuffer: 2 ** 24 });
  return { status, stdout: String(stdout), stderr: String(stderr) };
}

const noTerminal = spawnSync('script', ['--version']).status !== 0;
const unlessTerminal = noTerminal ? ' (script is not installed)' : '';

const readAll = (limit: string) => `
  const read = await io.stdin.readAll(${limit}).then((text) => text.length, (error) => error.code);
  await io.stdout.write(String(read));`;

test.each([
  ['', 2 ** 20],
  ['65_536', 65_536],
])('standard input is read up to its limit (%s), and not a byte further', (limit, bytes) => {
  expect(run(readAll(limit), '$RUN', 'x'.repeat(bytes)).stdout).toBe(String(bytes));
  expect(run(readAll(limit), '$RUN', 'x'.repeat(bytes + 1)).stdout).toBe('too_large');
});

test('a character of several bytes is whole, wherever standard input is cut', () => {
  const text = '€'.repeat(300_000);
  const { stdout } = run('await io.stdout.write(await io.stdin.readAll());', 'cat | $RUN | cat', text);
  expect(stdout === text).toBe(true);
});

test('what a pipe takes in parts arrives whole and in order, also when nobody waited between two writes', () => {
  const { stdout } = run(
    `await Promise.all([io.stdout.write(lines('a')), io.stdout.write(lines('b'))]);`,
    '$RUN | cat',
  );
  const expected = ['a', 'b'].flatMap((name) => Array.from({ length: 20_000 }, (_, n) => `${name}${n}\n`));
  expect(stdout === expected.join('')).toBe(true);
});

test.each([
  ['that takes its time is waited for', 150, ''],
  ['is waited for a while when the run is interrupted', 20, 'interruption.abort();'],
])('a reader %s', (_what, amount, before) => {
  const script = `${before}
    const writing = io.stdout.write(lines('a'));
    await turns(${amount});
    writeFileSync('read', '');
    await writing;`;
  const { stdout } = run(
    script,
    'set -o pipefail; $RUN | { until [ -e read ]; do sleep 0.01; done; wc -l; }',
  );
  expect(stdout.trim()).toBe('20000');
});

test.skipIf(noTerminal)(
  `a terminal that takes nothing more does not keep an interrupted run from its end${unlessTerminal}`,
  () => {
    const script = `
      writeFileSync('begun', '');
      process.once('SIGINT', () => interruption.abort(new Error('interrupted')));
      await io.stdout.write(lines('a').repeat(10)).catch((error) => writeFileSync('ended', error.message));`;
    const { stdout } = run(
      script,
      `script -qefc 'echo $$ > pid; exec $RUN' screen < /dev/null > /dev/null & terminal=$!
      until [ -e begun ]; do sleep 0.01; done
      kill -STOP $terminal; kill -INT $(cat pid)
      until [ -s ended ]; do sleep 0.01; done
      kill -KILL $terminal; cat ended`,
    );
    expect(stdout).toBe('interrupted');
  },
);

test.skipIf(process.getuid?.() !== 0)(
  'a pipe of another user, which cannot be opened anew, is written to (skipped unless root)',
  () => {
    const script = `process.setegid(65_534); process.seteuid(65_534); await io.stdout.write(lines('a'));`;
    expect(run(script, '$RUN | wc -l').stdout.trim()).toBe('20000');
  },
);

const seen = `writeFileSync('seen', JSON.stringify([io.stdin, io.stdout, io.stderr].map(({ isTerminal }) => isTerminal).concat(io.columns)));`;

test('a pipe, a file and /dev/null are no terminals, and as wide as 80 columns', () => {
  const { stdout } = run(seen, '$RUN < /dev/null | cat; cat seen; $RUN > file 2> /dev/null; cat seen');
  expect(stdout).toBe('[false,false,false,80]'.repeat(2));
});

test.skipIf(noTerminal)(
  `a terminal is as wide as it says, also where only standard error is one${unlessTerminal}`,
  () => {
    const onTerminal = (line: string) =>
      run(seen, `script -qefc 'stty cols 132; ${line}' screen > /dev/null; cat seen`).stdout;
    expect(onTerminal('$RUN')).toBe('[true,true,true,132]');
    expect(onTerminal('$RUN < /dev/null > file')).toBe('[false,false,true,132]');
    expect(onTerminal('$RUN 2> file')).toBe('[true,true,false,132]');
  },
);

test.each([
  ['| true', 'cannot write to standard output: its reader is gone'],
  ['> /dev/full', 'cannot write to standard output: no space left'],
])('a write that the system refuses (%s) says why', (redirection, message) => {
  const script = `await turns(20); await io.stdout.write('x').catch((error) => io.stderr.write(error.message));`;
  expect(run(script, `$RUN ${redirection}`).stderr).toBe(message);
});
