import { appendFile, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type DestinationContext, openDestination } from '../../../src/destinations/index.ts';
import { Secret } from '../../../src/secret.ts';
import { destinationContext } from '../../fakes/destination-context.ts';
import { canMount, smallDisk } from '../../fakes/small-disk.ts';
import { temporaryDirectory } from '../../fakes/temporary.ts';

async function outputFile(text = ''): Promise<string> {
  const path = join(temporaryDirectory(), 'output');
  await writeFile(path, text);
  return path;
}

const open = (name: string, parts: Partial<DestinationContext>) =>
  openDestination(`github-output:${name}`, destinationContext(parts));

test('the secret is masked on stderr before it is written, line by line, and stdout stays clean', async () => {
  const path = await outputFile('a=1');
  const context = destinationContext({ env: { GITHUB_OUTPUT: path } });
  const destination = await openDestination('github-output:token', context);
  await destination.deliver(new Secret('100%\nsecond line'));
  expect(context.stderrText()).toBe('::add-mask::100%25\n::add-mask::second line\n');
  expect(context.stdoutText()).toBe('');
  expect(await readFile(path, 'utf8')).toMatch(/^a=1\ntoken<<(ghadelimiter_\S+)\n100%\nsecond line\n\1\n$/);
});

test('what is there already is not written a second time, and every other output stays what it is', async () => {
  const path = await outputFile('before=1\n');
  const destination = await open('token', { env: { GITHUB_OUTPUT: path } });
  expect(await destination.readBack()).toBeNull();
  await destination.deliver(new Secret('keys_x'));
  await appendFile(path, 'after=2\n');
  const text = await readFile(path, 'utf8');
  expect((await destination.readBack())?.reveal()).toBe('keys_x');
  await destination.deliver(new Secret('keys_x'));
  expect(await readFile(path, 'utf8')).toBe(text);
});

test('a mask that cannot be said keeps the secret from being written', async () => {
  const path = await outputFile();
  const context = destinationContext({ env: { GITHUB_OUTPUT: path } });
  const deaf = {
    ...context.io.stderr,
    write: async () => {
      throw new Error('closed');
    },
  };
  const destination = await open('token', { ...context, io: { ...context.io, stderr: deaf } });
  await expect(destination.deliver(new Secret('keys_x'))).rejects.toMatchObject({ code: 'undelivered' });
  expect(await readFile(path, 'utf8')).toBe('');
});

test.each([
  'a=1\r\nb=\u2028\n\n=x\n',
  'a<<END\r\n1\nEND\r\n',
  'a<<E=F\n1\nE=F\n',
  'a<<E\n1\nE\nb<<E\n2\nE\n',
])('a file that GitHub takes is taken: %j', async (text) => {
  const path = await outputFile(text);
  const destination = await open('token', { env: { GITHUB_OUTPUT: path } });
  await destination.preflight();
  await destination.deliver(new Secret('keys_x'));
  expect((await destination.readBack())?.reveal()).toBe('keys_x');
  expect((await readFile(path, 'utf8')).startsWith(text)).toBe(true);
});

test('the last value of the output counts, and text that looks like one is not one', async () => {
  const path = await outputFile('token=first\nnote<<END\ntoken=inside\nEND\ntoken<<X\nlast\nlines\nX\n');
  const destination = await open('token', { env: { GITHUB_OUTPUT: path } });
  expect((await destination.readBack())?.reveal()).toBe('last\nlines');
});

test.each(['a<<END\nunfinished\n', 'no output at all\n', '<<END\nEND\n', 'a=1\nb<<\n'])(
  'a file that GitHub would refuse is refused before anything is minted: %j',
  async (text) => {
    const path = await outputFile(text);
    const destination = await open('token', { env: { GITHUB_OUTPUT: path } });
    await expect(destination.preflight()).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringContaining('no output'),
    });
    await expect(destination.deliver(new Secret('keys_x'))).rejects.toMatchObject({ code: 'undelivered' });
    expect(await readFile(path, 'utf8')).toBe(text);
  },
);

test('a standard error that nobody hears is refused before anything is minted', async () => {
  const context = destinationContext({ env: { GITHUB_OUTPUT: await outputFile() } });
  const stderr = { ...context.io.stderr, isNull: true };
  const destination = await open('token', { ...context, io: { ...context.io, stderr } });
  await expect(destination.preflight()).rejects.toMatchObject({ code: 'invalid' });
});

test('no file, no step of GitHub Actions, and a bad name are refused', async () => {
  for (const env of [
    {},
    { GITHUB_OUTPUT: '/no/such/file' },
    { GITHUB_OUTPUT: await mkdtemp('/tmp/keys-') },
  ]) {
    const destination = await open('token', { env });
    await expect(destination.preflight()).rejects.toMatchObject({ code: 'invalid' });
  }
  for (const name of ['', '1a', 'a b', 'a=b', 'a\nb', 'a<<b']) {
    await expect(open(name, {})).rejects.toMatchObject({ code: 'invalid' });
  }
});

test.skipIf(!canMount)('a disk that fills leaves the file as it was (mounting one needs root)', async () => {
  const disk = smallDisk(16);
  const path = join(disk.path, 'output');
  await writeFile(path, `a=${'1'.repeat(4_090)}\n`);
  const destination = await open('token', { env: { GITHUB_OUTPUT: path } });
  await destination.preflight();
  disk.fill();
  await expect(destination.deliver(new Secret('keys_x'))).rejects.toMatchObject({ code: 'undelivered' });
  expect(await readFile(path, 'utf8')).toBe(`a=${'1'.repeat(4_090)}\n`);
  await expect(destination.preflight()).rejects.toMatchObject({ code: 'unavailable' });
});

test('a file that GITHUB_OUTPUT names and that is not there is told as such', async () => {
  const path = join(temporaryDirectory(), 'none');
  const destination = await open('token', { env: { GITHUB_OUTPUT: path } });
  await expect(destination.preflight()).rejects.toMatchObject({
    code: 'invalid',
    message: `there is no file ${path}, which GITHUB_OUTPUT names`,
  });
});
