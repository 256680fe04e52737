/** A line that counts, on stderr, while many keys are worked on. */
import type { App } from '../src/app.ts';

/** With fewer, the results are there before a line could be read. */
const worthwhile = 5;

export interface Counter {
  step(): Promise<void>;
  /** Takes the line away. */
  end(): Promise<void>;
}

export function counter({ io, options }: App, label: string, total: number): Counter {
  const visible = io.stderr.isTerminal && !options.quiet && total >= worthwhile;
  const draw = async (text: string) => {
    if (visible) await io.stderr.write(`\r\u001b[K${text}`).catch(() => {});
  };
  let done = 0;
  return {
    async step() {
      done += 1;
      await draw(`${label} ${done} of ${total}`);
    },
    end: () => draw(''),
  };
}
