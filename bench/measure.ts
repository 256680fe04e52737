/** Whole runs of commands, timed side by side: what the machine does meanwhile happens to all of them. */
import { spawn } from 'node:child_process';

export interface Contestant {
  readonly name: string;
  /** Arguments of this same Node. */
  readonly argv: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Prints the median of each and its ratio to that of the first, which is the measure. */
export async function compare(
  contestants: readonly Contestant[],
  rounds = process.argv.includes('--short') ? 7 : 41,
): Promise<void> {
  const timesMs = contestants.map((): number[] => []);
  // The first round fills caches, V8's compile cache among them.
  for (let round = 0; round <= rounds; round++) {
    for (const [index, contestant] of contestants.entries()) {
      const ms = await timed(contestant);
      if (round > 0) timesMs[index]?.push(ms);
    }
  }
  const medians = timesMs.map((times) => times.sort((a, b) => a - b)[rounds >> 1] ?? Number.NaN);
  for (const [index, { name }] of contestants.entries()) {
    const median = medians[index] ?? Number.NaN;
    const ratio = index === 0 ? '' : `  ×${(median / (medians[0] ?? Number.NaN)).toFixed(2)}`;
    console.log(`${name.padEnd(44)}${median.toFixed(1).padStart(7)} ms${ratio}`);
  }
}

function timed({ name, argv, env }: Contestant): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const startedMs = performance.now();
  const child = spawn(process.execPath, argv, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  child.stdout.resume();
  child.on('error', reject);
  child.on('close', (code) => {
    if (code === 0) resolve(performance.now() - startedMs);
    else reject(new Error(`${name} exited ${code}`));
  });
  return promise;
}
