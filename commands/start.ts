/** The process around `main`: its streams, its environment, its signals. */
import { type App, createApp } from '../src/app.ts';
import { KeysError } from '../src/errors.ts';
import { processIo } from '../src/io.ts';
import { main } from './main.ts';

/** Runs the command line of this process and returns its exit code. */
export async function start(): Promise<number> {
  const interruption = new AbortController();
  const { signal } = interruption;
  const app = createApp({ io: processIo(signal), env: process.env, signal });
  const terminate = (name: string) => interruption.abort(new KeysError('terminated', `ended by ${name}`));
  onSignal('SIGINT', () => interruption.abort(new KeysError('interrupted', 'interrupted')));
  onSignal('SIGTERM', () => terminate('SIGTERM'));
  onSignal('SIGHUP', () => terminate('SIGHUP'), app);
  return main(process.argv.slice(2), app);
}

/**
 * The first signal ends the run in order, a second one the process at once. The handler stays: a prompt has one of its own that
 * kills the process where it finds no other.
 */
function onSignal(name: NodeJS.Signals, end: () => void, app?: App): void {
  let ending = false;
  process.on(name, () => {
    if (app?.onHangup) return app.onHangup();
    if (ending) {
      process.removeAllListeners(name);
      process.kill(process.pid, name);
    }
    ending = true;
    end();
  });
}
