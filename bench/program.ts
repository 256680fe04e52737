/** A server of a bench in a process of its own, which prints the port it listens on. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';

export interface Program {
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
}

export async function startProgram(
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Program> {
  const child = spawn(process.execPath, argv, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const said = await Promise.race([once(child.stdout.setEncoding('utf8'), 'data'), exited.then(() => null)]);
  if (said === null) throw new Error(`${argv.join(' ')} ended before it listened`);
  return {
    port: Number(String(said[0]).trim()),
    pid: child.pid ?? 0,
    async stop() {
      child.kill();
      await exited;
    },
  };
}

/** What a process keeps in memory now, and the most it ever kept, in MB. Linux only. */
export function memoryOf(pid: number): { nowMb: number; peakMb: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const mb = (name: string) =>
    Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? Number.NaN) / 1_024;
  return { nowMb: mb('VmRSS'), peakMb: mb('VmHWM') };
}

/** How long processors have worked for a process so far. */
export function cpuMsOf(pid: number): number {
  // After its name, which is in parentheses and may hold anything; times are in hundredths of a second.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}
