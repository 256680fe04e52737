/** A disk of a few KiB, for what happens when it is full. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

export interface SmallDisk {
  readonly path: string;
  /** Takes what is left of it. */
  fill(): void;
}

/** Whether this process may mount one; only root may. */
export const canMount = process.getuid?.() === 0 && tryMount();

export function smallDisk(kibibytes: number): SmallDisk {
  const path = mkdtempSync(join(tmpdir(), 'keys-disk-'));
  mount(path, kibibytes);
  onTestFinished(() => unmount(path));
  return {
    path,
    fill() {
      let size = 4_096;
      for (let name = 0; size > 0; name += 1) {
        try {
          writeFileSync(join(path, `filler-${name}`), Buffer.alloc(size));
        } catch {
          size = Math.floor(size / 2);
        }
      }
    },
  };
}

function mount(path: string, kibibytes: number): void {
  const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${kibibytes}k`, 'tmpfs', path]);
  if (status !== 0) throw new Error(`mount: ${stderr}`);
}

function unmount(path: string): void {
  spawnSync('umount', [path]);
  rmSync(path, { recursive: true, force: true });
}

function tryMount(): boolean {
  const path = mkdtempSync(join(tmpdir(), 'keys-disk-'));
  try {
    mount(path, 4);
    return true;
  } catch {
    return false;
  } finally {
    unmount(path);
  }
}
