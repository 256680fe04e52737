/** Programs that take a secret on their standard input. */
import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { access, type FileHandle, open, stat } from 'node:fs/promises';
import { delimiter, resolve } from 'node:path';
import type { App } from '../app.ts';
import type { Env } from '../env.ts';
import { KeysError } from '../errors.ts';
import type { Secret } from '../secret.ts';
import { terminalSafe } from '../text.ts';

/** The file that a command's first word runs; `null` when there is none. */
export async function findProgram(word: string, env: Env): Promise<string | null> {
  const hasDirectory = word.includes('/') || (process.platform === 'win32' && word.includes('\\'));
  const extensions = process.platform === 'win32' ? ['', '.exe', '.com', '.cmd', '.bat'] : [''];
  const directories = hasDirectory ? [''] : (env.PATH ?? '').split(delimiter).filter(Boolean);
  for (const directory of directories) {
    for (const extension of extensions) {
      const path = resolve(directory, word + extension);
      if (await isExecutable(path)) return path;
    }
  }
  return null;
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

/** What fits into a pipe without anybody reading, on every system. */
const longestBytes = 16_384;

/**
 * A pipe of the kind that shells make, whose reading end is kept open here as well: after the program has ended it tells how much was
 * left unread. Node's own are sockets: of those it cannot be known, and no program can open one as /dev/stdin.
 */
interface Pipe {
  readonly reader: FileHandle;
  readonly writer: FileHandle;
}

/** Takes over the pipe between two commands of a shell; `null` where that cannot be done: there is a socket to fall back on. */
async function makePipe(env: Env): Promise<Pipe | null> {
  const shell = process.platform === 'linux' ? await findProgram('sh', env) : null;
  if (!shell) return null;
  const script = `: | exec "$0" -c 'exec 4<&0; echo $$; read _ <&3'`;
  const helper = spawn(shell, ['-c', script, shell], { env, stdio: ['ignore', 'pipe', 'ignore', 'pipe'] });
  const ended = new Promise<null>((resolve_) => {
    helper.once('error', () => resolve_(null));
    helper.once('exit', () => resolve_(null));
  });
  const said = new Promise<string>((resolve_) =>
    helper.stdout?.once('data', (data) => resolve_(String(data))),
  );
  try {
    const pid = (await Promise.race([said, ended]))?.trim();
    if (!pid) return null;
    const path = `/proc/${pid}/fd/4`;
    const reader = await open(path, 'r');
    const writer = await open(path, 'w').catch((error: unknown) =>
      reader.close().then(() => Promise.reject(error)),
    );
    return { reader, writer };
  } catch {
    return null;
  } finally {
    // None at all where the system had no descriptors left for them.
    for (const stream of helper.stdio ?? []) stream?.destroy();
  }
}

export interface RunOptions extends Pick<App, 'env' | 'signal' | 'redactor' | 'io'> {
  readonly deadlineMs: number;
  /** Passes on what the program prints, to stderr; without it, only a failure shows it. */
  readonly showOutput: boolean;
}

/**
 * Runs a program with exactly the secret, and no newline, on its standard input. Throws `unavailable` unless it ends with status 0
 * after having read all of it. A program that it leaves behind in the background is not waited for.
 */
export async function giveSecret(
  argv: readonly string[],
  secret: Secret,
  options: RunOptions,
): Promise<void> {
  const { env, signal, deadlineMs, redactor, io, showOutput } = options;
  const bytes = Buffer.from(secret.reveal());
  if (bytes.length > longestBytes)
    throw new KeysError('too_large', `the secret is longer than ${longestBytes} bytes`);
  signal.throwIfAborted();
  const [program = '', ...words] = argv;
  const pipe = await makePipe(env);
  try {
    const child = spawn(program, words, { env, stdio: [pipe?.reader.fd ?? 'pipe', 'pipe', 'pipe'] });
    const said = collectText(child.stdout, child.stderr);
    const ended = new Promise<string | null>((resolve_) => {
      child.once('error', (error) => resolve_(`could not be run: ${error.message}`));
      child.once('exit', (status, by) =>
        resolve_(by ? `was ended by ${by}` : status === 0 ? null : `exited with ${status}`),
      );
    });
    let refused: NodeJS.ErrnoException | null = null;
    if (pipe) {
      await pipe.writer.writeFile(bytes);
      await pipe.writer.close();
    } else {
      child.stdin?.on('error', (error) => {
        refused = error;
      });
      child.stdin?.end(bytes);
    }

    const stopping = AbortSignal.any([signal, AbortSignal.timeout(deadlineMs)]);
    let killing: NodeJS.Timeout | undefined;
    let stopped: string | null = null;
    const stop = () => {
      stopped = signal.aborted ? 'was stopped' : `did not end within ${deadlineMs / 1_000} s`;
      child.kill('SIGTERM');
      killing = setTimeout(() => child.kill('SIGKILL'), 1_000);
    };
    if (stopping.aborted) stop();
    else stopping.addEventListener('abort', stop, { once: true });
    const failure = await ended;
    stopping.removeEventListener('abort', stop);
    clearTimeout(killing);
    const text = terminalSafeLines(redactor.redact(await said()));
    // Where nobody can be shown what it said, it has the secret all the same.
    if (showOutput && text !== '') await io.stderr.write(`${text}\n`).catch(() => {});
    if (stopped) throw failed(stopped);
    if (failure) throw failed(failure);
    const unread = pipe ? await remaining(pipe.reader) : refused ? bytes.length : 0;
    if (unread > 0)
      throw failed(
        `exited with 0 but did not read all of the secret (${unread} of ${bytes.length} bytes are left)`,
      );

    function failed(what: string): KeysError {
      const detail = showOutput || text === '' ? '' : `: ${text.split('\n').at(-1)}`;
      return new KeysError('unavailable', `${program} ${what}${detail}`);
    }
  } finally {
    await pipe?.writer.close().catch(() => {});
    await pipe?.reader.close().catch(() => {});
  }
}

async function remaining(reader: FileHandle): Promise<number> {
  const { bytesRead } = await reader.read(Buffer.alloc(longestBytes));
  return bytesRead;
}

const longestOutput = 65_536;

/** Reads all streams at once; the function it gives waits for their ends, but not for a background process that keeps them open. */
function collectText(...streams: (NodeJS.ReadableStream | null)[]): () => Promise<string> {
  let text = '';
  const ends = streams.map(
    (stream) =>
      new Promise<void>((resolve_) => {
        if (!stream) return resolve_();
        stream.setEncoding('utf8');
        stream.on('data', (chunk: string) => {
          if (text.length < longestOutput) text += chunk;
        });
        stream.on('error', () => resolve_());
        stream.on('close', () => resolve_());
      }),
  );
  return async () => {
    const patience = new Promise<void>((resolve_) => setTimeout(resolve_, 250).unref());
    await Promise.race([Promise.all(ends), patience]);
    for (const stream of streams) if (stream && 'destroy' in stream) (stream.destroy as () => void)();
    return text;
  };
}

function terminalSafeLines(text: string): string {
  return text
    .split('\n')
    .map((line) => terminalSafe(line).trimEnd())
    .join('\n')
    .trim();
}
