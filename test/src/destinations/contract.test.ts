import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'dotenv';
import type { Sink } from '../../../src/io.ts';
import { WriteError } from '../../../src/io.ts';
import { describeDestination } from '../../contracts/destination.ts';
import { temporaryDirectory } from '../../fakes/temporary.ts';

/** A file's text, or `null`. */
const textOf = (path: string) => readFile(path, 'utf8').catch(() => null);

async function listing(directory: string): Promise<unknown> {
  const names = await readdir(directory);
  return Promise.all(
    names.sort().map(async (name) => {
      const { ino, mode, mtimeMs } = await stat(join(directory, name));
      return { name, ino, mode, mtimeMs, text: await textOf(join(directory, name)) };
    }),
  );
}

const hidden = async (directory: string) =>
  (await readdir(directory).catch(() => [])).filter((name) => name.startsWith('.') && name !== '.env');

describeDestination('stdout', async () => {
  let text = '';
  let closed = false;
  const sink: Sink = {
    isTerminal: false,
    isNull: false,
    write: async (chunk) => {
      if (closed)
        throw new WriteError('standard output', Object.assign(new Error('EPIPE'), { code: 'EPIPE' }));
      text += chunk;
    },
  };
  const stdin = { isTerminal: false, readAll: async () => '' };
  return {
    spec: 'stdout',
    context: { io: { stdin, stdout: sink, stderr: sink, columns: 80 } },
    snapshot: async () => text,
    consumed: async () => text.split('\n').at(-2) ?? null,
    breakIt: async () => {
      closed = true;
    },
  };
});

describeDestination('file', async () => {
  const directory = join(temporaryDirectory(), 'secrets');
  await mkdir(directory);
  const path = join(directory, 'token');
  return {
    spec: `file:${path}`,
    snapshot: () => listing(directory),
    leftovers: () => hidden(directory),
    consumed: async () => (await textOf(path))?.replace(/\n$/, '') ?? null,
    // Somebody else was quicker.
    breakIt: () => writeFile(path, 'theirs'),
  };
});

describeDestination('env-file', async () => {
  const directory = join(temporaryDirectory(), 'app');
  await mkdir(directory);
  const path = join(directory, '.env');
  await writeFile(path, 'A=1\nTOKEN="old" # keep\nB=2\n', { mode: 0o600 });
  return {
    spec: `env-file:${path}#TOKEN`,
    snapshot: () => listing(directory),
    leftovers: () => hidden(directory),
    consumed: async () => parse((await textOf(path)) ?? '').TOKEN ?? null,
    breakIt: async () => {
      await rm(path);
      await mkdir(path);
    },
  };
});

describeDestination('exec', async () => {
  const directory = temporaryDirectory();
  const path = join(directory, 'taken');
  const program = join(directory, 'take');
  await writeFile(program, `#!/bin/sh\ncat > '${path}'\n`, { mode: 0o755 });
  return {
    spec: `exec:${program}`,
    snapshot: () => textOf(path),
    consumed: () => textOf(path),
    breakIt: () => rename(program, `${program}.gone`),
  };
});

describeDestination('clipboard', async () => {
  const directory = temporaryDirectory();
  const path = join(directory, 'clipboard');
  const program = join(directory, 'xclip');
  await writeFile(program, `#!/bin/sh\n[ "$*" = "-selection clipboard -in" ] && cat > '${path}'\n`, {
    mode: 0o755,
  });
  return {
    spec: 'clipboard',
    context: { env: { PATH: `${directory}:${process.env.PATH}`, DISPLAY: ':9' } },
    snapshot: () => textOf(path),
    consumed: () => textOf(path),
    breakIt: () => rename(program, `${program}.gone`),
  };
});

describeDestination('github-output', async () => {
  const directory = temporaryDirectory();
  const path = join(directory, 'output');
  await writeFile(path, 'other=1\n');
  return {
    spec: 'github-output:token',
    context: { env: { GITHUB_OUTPUT: path } },
    saysSecret: true,
    snapshot: () => listing(directory),
    consumed: async () => {
      const lines = (await textOf(path))?.split('\n') ?? [];
      const at = lines.findLastIndex((line) => line.startsWith('token<<'));
      return at < 0 ? null : (lines[at + 1] ?? null);
    },
    breakIt: () => rm(path),
  };
});
