import { expect, test } from 'vitest';
import { createApp } from '../../../src/app.ts';
import { openStore } from '../../../src/credentials/index.ts';
import { KeysError } from '../../../src/errors.ts';
import { collectingSink } from '../../run.ts';

function commandStore(argv: readonly string[], signal = new AbortController().signal) {
  const stderr = collectingSink();
  const io = {
    stdin: { isTerminal: false, readAll: async () => '' },
    stdout: collectingSink(),
    stderr,
    columns: 80,
  };
  const app = createApp({ io, env: { PATH: process.env.PATH }, signal });
  const read = async () => (await openStore(app, 'command', { credentialCommand: argv })).read('');
  return { read, stderr };
}

function shell(script: string) {
  return commandStore(['sh', '-c', script]);
}

test('the line it prints is the credential, and what it says on stderr is shown, made safe', async () => {
  const { read, stderr } = shell("printf 'touch \\033[31mthe key\\n' >&2; echo keys_secret");
  expect((await read())?.reveal()).toBe('keys_secret');
  expect(stderr.text()).toBe('touch [31mthe key\n');
});

test('no shell looks at its words', async () => {
  const { read } = commandStore(['printf', '%s', '$HOME;*`id`']);
  expect((await read())?.reveal()).toBe('$HOME;*`id`');
});

test('it gets an empty stdin, so that it cannot take what is meant for keys', async () => {
  expect((await shell('test -z "$(cat)" && echo keys_secret').read())?.reveal()).toBe('keys_secret');
});

test('what it leaves behind in the background is not waited for', async () => {
  const { read } = shell('sleep 60 & echo keys_secret');
  expect((await read())?.reveal()).toBe('keys_secret');
});

test.each([
  ['exit 3', "'sh' exited with 3"],
  ['echo keys_secret; exit 1', "'sh' exited with 1"],
  ['kill -9 $$', "'sh' was ended by SIGKILL"],
  ['true', "what 'sh' printed is empty"],
  ['echo keys_secret; echo keys_secret', 'more than one line'],
  ['cat /dev/zero', "'sh' printed too much"],
])('%j fails with credential_store and says how, without what it printed', async (script, why) => {
  const error = await shell(script)
    .read()
    .catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(KeysError);
  expect(error).toMatchObject({
    code: 'credential_store',
    exitCode: 11,
    message: expect.stringContaining(why),
  });
  expect((error as KeysError).message).not.toContain('keys_secret');
});

test('a command that is not there is told, with how to try it', async () => {
  await expect(commandStore(['/nowhere/op', 'read', 'op://a b']).read()).rejects.toMatchObject({
    message: "the credential command '/nowhere/op' was not found",
    hint: "try it by hand: /nowhere/op read 'op://a b' > /dev/null",
  });
});

test('an interruption ends it, also when what it started lives on', async () => {
  const interruption = new AbortController();
  const { read, stderr } = commandStore(
    ['sh', '-c', 'echo started >&2; sleep 60 & sleep 60'],
    interruption.signal,
  );
  const reading = read();
  await expect.poll(() => stderr.text()).toContain('started');
  interruption.abort(new KeysError('interrupted', 'interrupted'));
  await expect(reading).rejects.toMatchObject({ code: 'interrupted' });
});
