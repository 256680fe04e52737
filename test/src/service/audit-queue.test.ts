import { expect, test, vi } from 'vitest';
import { KeysError } from '../../../src/errors.ts';
import { createAuditQueue } from '../../../src/service/audit-queue.ts';
import type { AuditRow, AuditStore } from '../../../src/service/store.ts';

const now = Date.UTC(2026, 10, 21);

function row(fields: Partial<AuditRow> = {}): AuditRow {
  return {
    ...{ time: now, actor: 'alice', agent: 'ci', action: 'verify', target: null, outcome: 'done' },
    ...{ address: '10.0.0.9', requestId: null, details: {} },
    ...fields,
  };
}

/** A log that can be held up, and can fail. */
function memoryStore() {
  const written: AuditRow[] = [];
  const batches: number[] = [];
  const lasting: boolean[] = [];
  const state = { gate: Promise.resolve(), error: null as Error | null };
  const store: AuditStore = {
    async appendAudit(rows, options = { lasting: true }) {
      await state.gate;
      if (state.error) throw state.error;
      batches.push(rows.length);
      lasting.push(options.lasting);
      written.push(...rows);
    },
    auditHead: async () => ({ seq: 0, hash: '' }),
    listAudit: async () => ({ entries: [], next: null }),
  };
  return { store, written, batches, lasting, state, queue: createAuditQueue(store) };
}

test('rows are written in the order they came, in batches of at most 500', async () => {
  const { queue, written, batches } = memoryStore();
  for (let n = 0; n < 1_203; n++) queue.add(row({ requestId: String(n) }));
  await queue.flush();
  expect(written.map(({ requestId }) => requestId)).toEqual(
    Array.from({ length: 1_203 }, (_, n) => String(n)),
  );
  expect(Math.max(...batches)).toBe(500);
});

test('rows are written within a second, and 500 of many at once, without anybody asking', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    const { queue, written } = memoryStore();
    queue.add(row());
    await vi.advanceTimersByTimeAsync(999);
    expect(written).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(written).toHaveLength(1);
    for (const before of [1, 501]) {
      for (let n = 0; n < 501; n++) queue.add(row());
      await vi.waitFor(() => expect(written).toHaveLength(before + 500));
    }
    await vi.advanceTimersByTimeAsync(1_000);
    expect(written).toHaveLength(1_003);
  } finally {
    vi.useRealTimers();
  }
});

test('of many rows only the last ones wait for the disk, and they do within a second', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    const { queue, written, lasting } = memoryStore();
    for (let n = 0; n < 1_000; n++) queue.add(row());
    await vi.waitFor(() => expect(written).toHaveLength(500));
    expect(lasting).toEqual([false]);
    await vi.advanceTimersByTimeAsync(1_000);
    await vi.waitFor(() => expect(written).toHaveLength(1_000));
    expect(lasting).toEqual([false, true]);
  } finally {
    vi.useRealTimers();
  }
});

test('whoever flushes waits for what came before, also while a batch is on its way', async () => {
  const { queue, written, state } = memoryStore();
  const gate = Promise.withResolvers<void>();
  state.gate = gate.promise;
  queue.add(row({ requestId: 'first' }));
  const first = queue.flush();
  queue.add(row({ requestId: 'second' }));
  const second = queue.flush();
  expect(written).toEqual([]);
  gate.resolve();
  await Promise.all([first, second]);
  expect(written.map(({ requestId }) => requestId)).toEqual(['first', 'second']);
});

test('what a database that is away did not take is kept and written later, once', async () => {
  const { queue, written, state } = memoryStore();
  state.error = new KeysError('unavailable', 'away');
  for (let n = 0; n < 700; n++) queue.add(row({ requestId: String(n) }));
  await expect(queue.flush()).rejects.toThrow('away');
  state.error = null;
  await queue.flush();
  expect(written.map(({ requestId }) => requestId)).toEqual(Array.from({ length: 700 }, (_, n) => String(n)));
});

test('what a database that is away did not take is written when it is back, without anybody asking', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    const { queue, written, state } = memoryStore();
    state.error = new KeysError('unavailable', 'away');
    queue.add(row());
    await vi.advanceTimersByTimeAsync(5_000);
    state.error = null;
    await vi.advanceTimersByTimeAsync(1_000);
    expect(written).toHaveLength(1);
  } finally {
    vi.useRealTimers();
  }
});

test('what does not fit is recorded as a number', async () => {
  const { queue, written, state } = memoryStore();
  state.error = new KeysError('unavailable', 'away');
  for (let n = 0; n < 10_250; n++) queue.add(row());
  await queue.flush().catch(() => {});
  state.error = null;
  await queue.flush();
  expect(written).toHaveLength(10_001);
  const missing = {
    action: 'unrecorded',
    actor: null,
    agent: null,
    outcome: 'failed',
    details: { count: 250 },
  };
  expect(written.at(-1)).toMatchObject(missing);
});

test('whoever has a whole network of IPv6 is one source', async () => {
  const { queue, written } = memoryStore();
  const refusal = row({ actor: null, agent: null, outcome: 'refused' });
  for (let n = 0; n < 1_000; n++) queue.add({ ...refusal, address: `2001:db8::${n.toString(16)}` });
  queue.add({ ...refusal, address: '2001:db8:0:1::1' });
  await queue.flush();
  expect(written).toHaveLength(22);
  expect(written.at(-1)).toMatchObject({ action: 'unrecorded', details: { count: 980 } });
});

test('a database that stays away costs no more memory with every attempt to write', async () => {
  const { queue, written, state } = memoryStore();
  state.error = new KeysError('unavailable', 'away');
  for (let n = 0; n < 10_000; n++) queue.add(row());
  for (let n = 0; n < 50; n++) {
    queue.add(row());
    await queue.flush().catch(() => {});
  }
  state.error = null;
  await queue.flush();
  expect(written).toHaveLength(10_001);
  expect(written.at(-1)).toMatchObject({ action: 'unrecorded', details: { count: 50 } });
});

test('refusals of one source beyond 20 a second are a number in its name, and push nothing else out', async () => {
  const { queue, written } = memoryStore();
  const refusal = row({ actor: null, agent: null, outcome: 'refused', target: 'key_1', requestId: 'r' });
  for (let n = 0; n < 20_000; n++) queue.add(refusal);
  for (let n = 0; n < 300; n++) queue.add(row());
  queue.add({ ...refusal, address: '10.0.0.10' });
  queue.add({ ...refusal, actor: 'bob' });
  queue.add({ ...refusal, time: now + 1_000 });
  await queue.flush();
  const about = (address: string, action: string) =>
    written.filter(
      (each) => each.address === address && each.action === action && each.outcome === 'refused',
    );
  expect(about('10.0.0.9', 'verify').filter(({ actor }) => actor === null)).toHaveLength(21);
  expect(about('10.0.0.9', 'verify').filter(({ actor }) => actor === 'bob')).toHaveLength(1);
  expect(about('10.0.0.10', 'verify')).toHaveLength(1);
  expect(written.filter(({ outcome }) => outcome === 'done')).toHaveLength(300);
  expect(about('10.0.0.9', 'unrecorded')).toMatchObject([
    { actor: null, target: null, requestId: null, details: { count: 19_980 } },
  ]);
});
