/** A child process that answers on its stdout, and is killed when its time is over. */
import { spawn } from 'node:child_process';
import type { Env } from './env.ts';

export interface ChildOptions {
  readonly env: Env;
  /** When aborted, the child is killed; so it is after `deadlineMs`. */
  readonly signal: AbortSignal;
  readonly deadlineMs: number;
  /** What it reads on stdin. */
  readonly input?: string;
  /** Is given what it says on stderr; without it, that is dropped. */
  readonly onStderr?: (text: string) => void;
}

export interface ChildResult {
  readonly stdout: string;
  /** What went wrong, to be read after the name of the program: `exited with 1`. */
  readonly failure: string | null;
}

const longestCharacters = 65_536;

/** How long a program that has ended may be survived by others that hold its streams, as an agent does that it has started. */
const lingerMs = 500;

/** Runs argv without a shell. Throws the signal's reason when it is aborted. */
export async function runChild(argv: readonly string[], options: ChildOptions): Promise<ChildResult> {
  const { env, signal, deadlineMs, input = '', onStderr } = options;
  signal.throwIfAborted();
  const [program = '', ...words] = argv;
  const deadline = AbortSignal.timeout(deadlineMs);
  const child = spawn(program, words, { env, stdio: ['pipe', 'pipe', onStderr ? 'pipe' : 'ignore'] });
  let stdout = '';
  // A child that does not read, or has ended, is told by its status.
  child.stdin?.on('error', () => {}).end(input);
  child.stderr?.setEncoding('utf8').on('data', (text: string) => onStderr?.(text));

  const failure = await new Promise<string | null>((resolve) => {
    const ending = AbortSignal.any([deadline, signal]);
    const late = () => stop(`did not answer in ${deadlineMs / 1_000} s`);
    let lingering: NodeJS.Timeout | undefined;
    const settle = (failure: string | null) => {
      clearTimeout(lingering);
      ending.removeEventListener('abort', late);
      resolve(failure);
    };
    /** What the child started in turn may keep its streams open, and write on. */
    const leave = (failure: string | null) => {
      child.stdout?.destroy();
      child.stderr?.destroy();
      settle(failure);
    };
    const stop = (failure: string) => {
      child.kill('SIGKILL');
      leave(failure);
    };
    ending.addEventListener('abort', late, { once: true });
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      if (stdout.length > longestCharacters) stop('printed too much');
    });
    child.once('error', (error: NodeJS.ErrnoException) =>
      settle(error.code === 'ENOENT' ? 'was not found' : `could not be run: ${error.message}`),
    );
    const end = (code: number | null, killedBy: string | null) =>
      code === 0 ? null : killedBy ? `was ended by ${killedBy}` : `exited with ${code}`;
    child.once('exit', (code, killedBy) => {
      // What is in the pipe by now is read first.
      lingering = setTimeout(() => setImmediate(() => leave(end(code, killedBy))), lingerMs);
    });
    child.once('close', (code, killedBy) => settle(end(code, killedBy)));
  });
  signal.throwIfAborted();
  return { stdout, failure };
}
