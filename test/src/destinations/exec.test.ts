import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { type DestinationContext, openDestination } from '../../../src/destinations/index.ts';
import { splitWords } from '../../../src/destinations/words.ts';
import { WriteError } from '../../../src/io.ts';
import { Secret } from '../../../src/secret.ts';
import { shellWord } from '../../../src/text.ts';
import { destinationContext } from '../../fakes/destination-context.ts';
import { temporaryDirectory } from '../../fakes/temporary.ts';

const secret = new Secret('keys_abcdefghijklmnop');

async function run(command: string, parts: Partial<DestinationContext> = {}) {
  const context = destinationContext(parts);
  const destination = await openDestination(`exec:${command}`, context);
  await destination.preflight();
  await destination.deliver(secret);
  return { stdout: context.stdoutText(), stderr: context.stderrText() };
}

test('the command gets exactly the secret, no newline, and its output goes to stderr', async () => {
  const { stdout, stderr } = await run('wc -c');
  expect(stdout).toBe('');
  expect(stderr.trim()).toBe(String(secret.reveal().length));
});

test('the command can open /dev/stdin', async () => {
  const path = join(temporaryDirectory(), 'token');
  await run(`install -m 600 /dev/stdin ${path}`);
  expect(spawnSync('cat', [path]).stdout.toString()).toBe(secret.reveal());
});

test('a secret passes also where there is no shell to make a pipe with', async () => {
  const { stderr } = await run('/usr/bin/wc -c', { env: { PATH: '' } });
  expect(stderr.trim()).toBe(String(secret.reveal().length));
  await expect(run('/bin/false', { env: { PATH: '' } })).rejects.toMatchObject({ code: 'undelivered' });
});

test('a command that prints the secret does not show it', async () => {
  expect(await run('cat')).toEqual({ stdout: '', stderr: '[secret]\n' });
});

test('a command whose output cannot be shown has the secret all the same', async () => {
  const { io } = destinationContext();
  const write = async () => {
    throw new WriteError('standard error', Object.assign(new Error(), { code: 'ENOSPC' }));
  };
  await run("sh -c 'cat > /dev/null; echo done'", { io: { ...io, stderr: { ...io.stderr, write } } });
});

test.each([
  ['fails', "sh -c 'cat > /dev/null; exit 3'", /exited with 3/],
  ['fails without reading', 'false', /exited with 1/],
  ['ends well without reading', 'true', /did not read all/],
  ['reads 5 bytes and ends well', 'dd bs=1 count=5 status=none of=/dev/null', /16 of 21 bytes are left/],
  ['closes its input and ends well', "sh -c 'exec <&-; sleep 0.1'", /did not read all/],
  ['is killed', "sh -c 'cat > /dev/null; kill -9 $$'", /was ended by SIGKILL/],
])('a command that %s has not got the secret', async (_what, command, message) => {
  await expect(run(command)).rejects.toMatchObject({
    code: 'undelivered',
    message: expect.stringMatching(message),
  });
});

test('a command that left something running in the background is done when it ends', async () => {
  await run("sh -c 'cat > /dev/null; sleep 600 & echo $! >&2'").then(({ stderr }) =>
    process.kill(Number(stderr)),
  );
});

test.each([
  ['asks the command to end, which may tidy up', 'echo tidy; exit 0', 'tidy\n'],
  ['ends a command that ignores being asked', '', ''],
])('an interruption %s', async (_what, onTerm, said) => {
  const interruption = new AbortController();
  const ready = join(temporaryDirectory(), 'ready');
  const script = `trap "${onTerm}" TERM; cat > /dev/null; : > ${ready}; while :; do sleep 0.05; done`;
  const context = destinationContext({ signal: interruption.signal });
  const destination = await openDestination(`exec:sh -c '${script}'`, context);
  const delivery = expect(destination.deliver(secret)).rejects.toMatchObject({
    code: 'undelivered',
    message: expect.stringMatching(/sh was stopped$/),
  });
  await vi.waitFor(() => expect(existsSync(ready)).toBe(true), 20_000);
  interruption.abort();
  await delivery;
  expect(context.stderrText()).toBe(said);
});

test('an interruption while the command is started ends it too', async () => {
  const interruption = new AbortController();
  const secret = new Secret('keys_abcdefghijklmnop');
  const reveal = secret.reveal.bind(secret);
  let asked = 0;
  secret.reveal = () => {
    // The second time is when the command's pipe is being made.
    asked += 1;
    if (asked === 2) queueMicrotask(() => interruption.abort());
    return reveal();
  };
  const destination = await openDestination(
    "exec:sh -c 'cat > /dev/null; sleep 600'",
    destinationContext({ signal: interruption.signal }),
  );
  await expect(destination.deliver(secret)).rejects.toMatchObject({
    message: expect.stringMatching(/sh was stopped$/),
  });
});

test('a command that is not there or cannot be run is refused before anything is minted', async () => {
  const path = join(temporaryDirectory(), 'script');
  await writeFile(path, '#!/bin/sh\n', { mode: 0o644 });
  for (const command of ['no-such-command-here', '/no/such/path', path, '/etc']) {
    const destination = await openDestination(`exec:${command}`, destinationContext());
    await expect(destination.preflight()).rejects.toMatchObject({ code: 'invalid' });
  }
});

test.each([
  '',
  '  ',
  "sh -c 'unclosed",
  'a "b',
  'trailing\\',
  'a | b',
  'a; b',
  'a > b',
  'a $HOME',
  'a `b`',
  'a && b',
])('the command line %j is refused', async (command) => {
  await expect(openDestination(`exec:${command}`, destinationContext())).rejects.toMatchObject({
    code: 'invalid',
  });
});

test('a command named by a relative path is the same one from any directory', async () => {
  const destination = await openDestination("exec:./deploy.sh 'a b' c", destinationContext());
  expect(destination.spec).toBe(`exec:${join(process.cwd(), 'deploy.sh')} 'a b' c`);
});

test('words are split as sh splits them', () => {
  const character = fc.constantFrom(...'ab"\'\\ \t\n$|&;<>`*?#~=é');
  fc.assert(
    fc.property(fc.array(fc.string({ unit: character }), { maxLength: 8 }), (words) => {
      const line = words.map(shellWord).join('  ');
      expect(splitWords(line)).toEqual(words);
    }),
  );
  const lines = [`a 'b c' "d \\" e" f\\ g h"i"'j'`, `'' "" x`, `"a\\b \\\\ \\$x" 'it'\\''s'`];
  for (const line of lines) {
    const { stdout } = spawnSync('sh', ['-c', `printf '%s\\0' ${line}`]);
    expect(splitWords(line)).toEqual(stdout.toString().split('\0').slice(0, -1));
  }
});
