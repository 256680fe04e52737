/** The process around `main`: its streams, its environment, its signals. */
import { createApp } from '../src/app.ts';
import { KeysError } from '../src/errors.ts';
import { processIo } from '../src/io.ts';
import { main } from './main.ts';

/** Runs the command line of this process and returns its exit code. */
export async function start(): Promise<number> {
  const interruption = new AbortController();
  const { signal } = interruption;
  const app = createApp({ io: processIo(signal), env: process.env, signal });
  const terminate = (name: string) => interruption.abort(new KeysError('terminated', `ended by ${name}`));
  // Each signal is handled once: a second one finds the system's default and ends the process at once.
  process.once('SIGINT', () => interruption.abort(new KeysError('interrupted', 'interrupted')));
  process.once('SIGTERM', () => terminate('SIGTERM'));
  process.on('SIGHUP', function hangup() {
    if (app.onHangup) return app.onHangup();
    process.off('SIGHUP', hangup);
    terminate('SIGHUP');
  });
  return main(process.argv.slice(2), app);
}
