import { expect, test, vi } from 'vitest';
import { gathering } from '../../../src/service/log-lines.ts';

/** A log that is read when the test says so. */
function slowLog() {
  const written: string[] = [];
  let read = Promise.withResolvers<void>();
  const line = gathering((lines) => {
    written.push(lines);
    return read.promise;
  });
  function next(): void {
    const before = read;
    read = Promise.withResolvers<void>();
    before.resolve();
  }
  return { written, line, next };
}

test('every line is written, in order, and those that come during a write go together after it', async () => {
  const { written, line, next } = slowLog();
  line('a\n');
  line('b\n');
  await vi.waitFor(() => expect(written).toEqual(['a\nb\n']));
  line('c\n');
  line('d\n');
  expect(written).toHaveLength(1);
  next();
  await vi.waitFor(() => expect(written).toEqual(['a\nb\n', 'c\nd\n']));
  next();
  line('e\n');
  await vi.waitFor(() => expect(written.join('')).toBe('a\nb\nc\nd\ne\n'));
});

test('a log that nobody reads does not take the memory, and says afterwards how many lines were lost', async () => {
  const { written, line, next } = slowLog();
  line('first\n');
  await vi.waitFor(() => expect(written).toHaveLength(1));
  const long = `${'x'.repeat(1024 * 1024 - 1)}\n`;
  for (let n = 0; n < 20; n++) line(long);
  next();
  await vi.waitFor(() => expect(written).toHaveLength(2));
  next();
  await vi.waitFor(() =>
    expect(written.map(({ length }) => length)).toEqual([6, 8 * 1024 * 1024, expect.any(Number)]),
  );
  expect(JSON.parse(written[2] ?? '')).toMatchObject({ level: 'warn', lost: 12 });
  line('later\n');
  next();
  await vi.waitFor(() => expect(written[3]).toBe('later\n'));
});

test('a write that fails loses its lines and no others', async () => {
  const tried: string[] = [];
  const written: string[] = [];
  const line = gathering(async (lines) => {
    tried.push(lines);
    if (lines.startsWith('lost')) throw new Error('disk full');
    written.push(lines);
  });
  line('lost\n');
  await vi.waitFor(() => expect(tried).toHaveLength(1));
  line('kept\n');
  await vi.waitFor(() => expect(written).toEqual(['kept\n']));
});
