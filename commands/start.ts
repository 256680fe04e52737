/** The process around `main`: its streams, its environment, its signals. */
import { createApp } from '../src/app.ts';
import { KeysError } from '../src/errors.ts';
import { processIo } from '../src/io.ts';
import { main } from './main.ts';

/** Runs the command line of this process and returns its exit code. */
export async function start(): Promise<number> {
  const interruption = new AbortController();
  // Each signal is handled once: a second one finds the system's default and ends the process at once.
  process.once('SIGINT', () => interruption.abort(new KeysError('interrupted', 'interrupted')));
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => interruption.abort(new KeysError('terminated', `ended by ${signal}`)));
  }
  return main(
    process.argv.slice(2),
    createApp({ io: processIo(interruption.signal), env: process.env, signal: interruption.signal }),
  );
}
