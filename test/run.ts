/** Runs a command line in this process, on a home of its own: `await home.keys('create demo')`. */
import { join } from 'node:path';
import { main } from '../commands/main.ts';
import { createApp } from '../src/app.ts';
import type { Env } from '../src/env.ts';
import type { Io, Sink } from '../src/io.ts';
import type { KeyService } from '../src/keys.ts';
import { type ScriptedAnswer, scriptedPrompt } from './fakes/prompt.ts';
import { temporaryDirectory } from './fakes/temporary.ts';

export interface Setup {
  readonly env?: Env;
  readonly stdin?: string;
  /** Whether all three streams are a terminal; false when absent. */
  readonly terminal?: boolean;
  readonly columns?: number;
  /** Milliseconds since 1970 that the run believes it is. */
  readonly now?: number;
  /** What a person answers, question by question. An answer left over fails the test, and so does an unexpected question. */
  readonly answers?: readonly ScriptedAnswer[];
  /** Sees every question, and the choices it offers. */
  readonly onQuestion?: Parameters<typeof scriptedPrompt>[1];
  readonly signal?: AbortSignal;
  /** In place of the profile's service. */
  readonly service?: KeyService;
  /** In place of the stdout that collects. */
  readonly stdout?: Sink;
  /** In place of the stderr that collects. */
  readonly stderr?: Sink;
}

export interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Home {
  readonly path: string;
  readonly env: Env;
  /** Splits a string at spaces; give an array for anything more. */
  keys(argv: string | readonly string[], setup?: Setup): Promise<Result>;
  /** The same with `-o json`, parsed; fails the test unless the exit code is `code` (0). */
  json<T = unknown>(argv: string | readonly string[], setup?: Setup & { code?: number }): Promise<T>;
}

/** A home directory of its own for the running test, removed after it. */
export function newHome(): Home {
  const path = temporaryDirectory();
  const env = {
    KEYS_CONFIG_DIR: join(path, 'config'),
    KEYS_DATA_DIR: join(path, 'data'),
    KEYS_STATE_DIR: join(path, 'state'),
  };
  const home: Home = {
    path,
    env,
    async keys(argv, setup = {}) {
      const stdout = collectingSink(setup.terminal);
      const stderr = collectingSink(setup.terminal);
      const prompt = scriptedPrompt(setup.answers, setup.onQuestion);
      const io: Io = {
        stdin: { isTerminal: setup.terminal ?? false, readAll: async () => setup.stdin ?? '' },
        stdout: setup.stdout ?? stdout,
        stderr: setup.stderr ?? stderr,
        columns: setup.columns ?? 80,
      };
      const { now, signal = new AbortController().signal } = setup;
      const app = createApp({
        io,
        env: { ...env, ...setup.env },
        signal,
        prompt,
        service: setup.service,
        ...(now === undefined ? {} : { now: () => now }),
      });
      const code = await main(typeof argv === 'string' ? argv.split(' ') : argv, app);
      prompt.assertUsed();
      return { code, stdout: stdout.text(), stderr: stderr.text() };
    },
    async json<T>(argv: string | readonly string[], setup: Setup & { code?: number } = {}) {
      const words = typeof argv === 'string' ? argv.split(' ') : argv;
      const { code, stdout, stderr } = await home.keys([...words, '-o', 'json'], setup);
      if (code !== (setup.code ?? 0)) throw new Error(`keys ${words.join(' ')} exited ${code}: ${stderr}`);
      return JSON.parse(stdout) as T;
    },
  };
  return home;
}

export function collectingSink(isTerminal = false): Sink & { text(): string } {
  let collected = '';
  return {
    isTerminal,
    isNull: false,
    write: async (text) => {
      collected += text;
    },
    text: () => collected,
  };
}
