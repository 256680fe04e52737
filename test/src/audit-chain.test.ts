import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import type { AuditEntry } from '../../src/audit.ts';
import { chainStart, checkChain } from '../../src/audit-chain.ts';
import { auditLog, checked, headOf, rechained } from '../fakes/audit-log.ts';

const log = auditLog(1_000);
const head = headOf(log);

test('a log of 1,000 rows as it was written is whole', async () => {
  expect(await checked(log)).toEqual({ rows: 1_000, last: head, broken: null });
  expect(await checked([])).toEqual({ rows: 0, last: chainStart, broken: null });
});

test('a head that names another last row is found, whichever row it names', async () => {
  for (const row of log.filter(({ seq }) => seq % 50 === 1)) {
    expect((await checked(log, { head: headOf([row]) })).broken?.seq).toBe(1_000);
  }
  expect((await checked(log, { head: { ...head, seq: 1_001 } })).broken?.seq).toBe(1_001);
  expect((await checked(log, { head: { ...head, hash: chainStart.hash } })).broken?.seq).toBe(1_000);
  expect((await checked(log, { head: chainStart })).broken?.seq).toBe(1_000);
});

describe('who can write the whole database and knows how the chain is made', () => {
  const forged = (index: number) =>
    rechained(
      log.map((row, at) => (at === index ? { ...row, actor: 'somebody-else' } : row)),
      index,
    );

  test('rewrites every row from one on, and only a checkpoint finds it', async () => {
    for (const index of [0, 1, 499, 998, 999]) {
      const rows = forged(index);
      expect((await checked(rows)).broken).toBeNull();
      expect((await checked(rows, { checkpoints: [head] })).broken?.seq).toBe(1_000);
    }
  });

  test('is found at the first checkpoint after the row, of several, wherever the row is', async () => {
    const checkpoints = [250, 500, 750, 1_000].map((length) => headOf(log.slice(0, length)));
    for (let index = 0; index < 1_000; index += 33) {
      const { broken } = await checked(forged(index), { checkpoints });
      expect(broken?.seq).toBe(Math.ceil((index + 1) / 250) * 250);
    }
  });

  test('cuts the tail and moves the head back, and only a checkpoint finds it', async () => {
    for (const length of [0, 1, 500, 999]) {
      const rows = log.slice(0, length);
      expect((await checked(rows)).broken).toBeNull();
      expect((await checked(rows, { checkpoints: [head] })).broken?.seq).toBe(length + 1);
    }
  });

  test('empties the log and begins it anew, and only a checkpoint finds it', async () => {
    const rows = rechained(log.slice(300));
    expect((await checked(rows)).broken).toBeNull();
    expect((await checked(rows, { checkpoints: [headOf(log.slice(0, 10))] })).broken?.seq).toBe(10);
  });
});

test('rows that are added while a log is read are read as well', async () => {
  const pages = async function* (from: number, to: number) {
    yield log.slice(from, to);
  };
  const report = await checkChain(pages(0, 600), {
    head: async () => headOf(log.slice(0, 900)),
    after: (seq) => pages(seq, 1_000),
    checkpoints: [],
  });
  expect(report).toEqual({ rows: 1_000, last: head, broken: null });
  const cut = await checkChain(pages(0, 600), {
    head: async () => headOf(log.slice(0, 900)),
    after: (seq) => pages(seq, 899),
    checkpoints: [],
  });
  expect(cut.broken?.seq).toBe(900);
});

test('a chain can be checked with sha256sum and jq', () => {
  const row = log[1] as AuditEntry;
  const jq = execFileSync('jq', ['-jcS', 'del(.hash)'], { input: JSON.stringify(row), encoding: 'utf8' });
  const printed = execFileSync('sha256sum', { input: `${log[0]?.hash}\n${jq}`, encoding: 'utf8' });
  expect(printed.split(' ')[0]).toBe(row.hash);
});
