import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { withLock } from '../../src/lock.ts';
import { temporaryDirectory } from '../fakes/temporary.ts';

const signal = new AbortController().signal;
const lockModule = new URL('../../src/lock.ts', import.meta.url).href;

/** Runs code in another process; `withLock` and `signal` are there for it. */
function otherProcess(code: string) {
  const script = `import { withLock } from ${JSON.stringify(lockModule)};
    import fs from 'node:fs';
    const signal = new AbortController().signal; ${code}`;
  return spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
}

test('eight processes that read, add one and write lose no update', async () => {
  const path = temporaryDirectory();
  const [lock, counter] = [join(path, 'lock'), join(path, 'counter')];
  writeFileSync(counter, '0');
  const processes = Array.from({ length: 8 }, () =>
    otherProcess(`for (let i = 0; i < 25; i++) await withLock(${JSON.stringify(lock)}, { signal, waitMs: 60_000 }, async () => {
      fs.writeFileSync(${JSON.stringify(counter)}, String(Number(fs.readFileSync(${JSON.stringify(counter)}, 'utf8')) + 1));
    });`),
  );
  const codes = await Promise.all(processes.map(async (child) => (await once(child, 'exit'))[0]));
  expect(codes).toEqual(Array(8).fill(0));
  expect(readFileSync(counter, 'utf8')).toBe('200');
});

test('two in one process take turns', async () => {
  const lock = join(temporaryDirectory(), 'lock');
  const order: string[] = [];
  const turn = (name: string) =>
    withLock(lock, { signal }, async () => {
      order.push(`${name} in`);
      await new Promise((resolve) => setImmediate(resolve));
      order.push(`${name} out`);
    });
  await Promise.all([turn('a'), turn('b')]);
  expect(order).toHaveLength(4);
  expect(order[0]?.[0]).toBe(order[1]?.[0]);
});

test('the lock of a process that was killed is free at once, and nothing has to be cleaned up', async () => {
  const path = temporaryDirectory();
  const lock = join(path, 'lock');
  const holder = otherProcess(
    `withLock(${JSON.stringify(lock)}, { signal }, async () => { fs.writeSync(1, 'held'); setInterval(() => {}, 1000); await new Promise(() => {}); });`,
  );
  await once(holder.stdout, 'data');
  await expect(withLock(lock, { signal, waitMs: 100 }, async () => {})).rejects.toMatchObject({
    code: 'unavailable',
  });
  holder.kill('SIGKILL');
  await once(holder, 'exit');
  await expect(withLock(lock, { signal, waitMs: 0 }, async () => 'mine')).resolves.toBe('mine');
});

test('waiting for a lock ends with the signal', async () => {
  const lock = join(temporaryDirectory(), 'lock');
  const interruption = new AbortController();
  await withLock(lock, { signal }, async () => {
    const waiting = withLock(lock, { signal: interruption.signal }, async () => {});
    interruption.abort(new Error('interrupted'));
    await expect(waiting).rejects.toThrow('interrupted');
  });
});

test('work that fails gives the lock back, and the lock file is empty and private', async () => {
  const lock = join(temporaryDirectory(), 'new', 'lock');
  await expect(withLock(lock, { signal }, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  await withLock(lock, { signal, waitMs: 0 }, async () => {});
  const { mode, size } = statSync(lock);
  expect([mode & 0o777, size]).toEqual([0o600, 0]);
});

test.runIf(process.geteuid?.() === 0)(
  'a lock file that another user has left is named, and why it cannot be had',
  async () => {
    const path = temporaryDirectory();
    const lock = join(path, 'lock');
    writeFileSync(lock, '', { mode: 0o600 });
    chmodSync(path, 0o777);
    const other = otherProcess(`process.setuid(65534);
      await withLock(${JSON.stringify(lock)}, { signal }, async () => {}).catch((error) => fs.writeSync(1, error.message));`);
    const [said] = await once(other.stdout, 'data');
    expect(String(said)).toContain(`EACCES: permission denied, access '${lock}'`);
  },
);
