/** Log lines, written by the handful: a busy service has many in a moment, and a write for each would cost more than the line. */
import { setTimeout as sleep } from 'node:timers/promises';

/** How long a line waits for others. */
const gatherMs = 10;

/** What waits for a reader that does not read, in characters; beyond it lines are counted and not kept. */
const capacity = 8 * 1024 * 1024;

/** `write` is called for one handful after the other; a failure of it loses that handful and no more. */
export function gathering(write: (lines: string) => Promise<void>): (line: string) => void {
  let waiting = '';
  let lost = 0;
  let isWriting = false;

  async function writeAll(): Promise<void> {
    await sleep(gatherMs);
    while (waiting !== '') {
      const lines = waiting;
      waiting = lost > 0 ? lostLine(lost) : '';
      lost = 0;
      await write(lines).catch(() => {});
    }
    isWriting = false;
  }

  return (line) => {
    if (waiting.length < capacity) waiting += line;
    else lost += 1;
    if (isWriting) return;
    isWriting = true;
    void writeAll();
  };
}

function lostLine(lost: number): string {
  return `${JSON.stringify({ level: 'warn', time: new Date().toISOString(), lost, msg: 'log lines lost: nobody read them' })}\n`;
}
