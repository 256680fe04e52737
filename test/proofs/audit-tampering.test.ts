/** Every kind of tampering with an audit log is found, at the row where it was done. */
import { hash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { AuditEntry } from '../../src/audit.ts';
import { chainStart, linkHash } from '../../src/audit-chain.ts';
import { auditLog, checked, headOf } from '../fakes/audit-log.ts';
import { isDeep } from './scale.ts';

const log = auditLog(1_000);
const head = headOf(log);
const indexes = [...log.keys()].filter((index) => isDeep || index % 37 === 0 || index === 999);

/** Another value of the same field that could pass for one. */
const forgeries: Record<keyof AuditEntry, (row: AuditEntry) => AuditEntry> = {
  seq: (row) => ({ ...row, seq: row.seq + 1 }),
  time: (row) => ({ ...row, time: new Date(Date.parse(row.time) + 1).toISOString() }),
  actor: (row) => ({ ...row, actor: row.actor === null ? '' : null }),
  agent: (row) => ({ ...row, agent: row.agent === null ? 'other' : `${row.agent} ` }),
  action: (row) => ({ ...row, action: row.action === 'show' ? 'list' : 'show' }),
  target: (row) => ({
    ...row,
    target: row.target === null ? 'null' : row.target.toLowerCase().replace('key', 'kez'),
  }),
  outcome: (row) => ({ ...row, outcome: row.outcome === 'done' ? 'failed' : 'done' }),
  address: (row) => ({ ...row, address: row.address === null ? '::1' : null }),
  requestId: (row) => ({ ...row, requestId: row.requestId === null ? 'r' : null }),
  details: (row) => ({ ...row, details: { ...row.details, more: null } }),
  hash: (row) => ({ ...row, hash: hash('sha256', row.hash) }),
};

/** At which row a tampered log is said to break, for every row of 1,000. */
async function everywhere(
  tamper: (index: number) => AuditEntry[],
  expected: (index: number) => number,
  which: readonly number[] = indexes,
): Promise<void> {
  for (const index of which) {
    const { broken } = await checked(tamper(index), { head });
    if (broken?.seq !== expected(index)) expect({ index, broken }).toBe(`broken at ${expected(index)}`);
  }
}

describe('tampering with any row of 1,000 is found, at that row:', () => {
  for (const [field, forge] of Object.entries(forgeries)) {
    test(`${field} changed`, async () => {
      await everywhere(
        (index) => log.map((row, at) => (at === index ? forge(row) : row)),
        (index) => index + 1,
      );
    });
  }

  test('a row deleted', async () => {
    await everywhere(
      (index) => log.toSpliced(index, 1),
      (index) => index + 1,
    );
  });

  test('a row deleted and the rest numbered anew', async () => {
    await everywhere(
      (index) => log.toSpliced(index, 1).map((row, at) => ({ ...row, seq: at + 1 })),
      (index) => index + 1,
    );
  });

  test('a row and the one after it swapped, with and without their numbers', async () => {
    const swapped = (index: number) => {
      const [one, two] = log.slice(index, index + 2) as [AuditEntry, AuditEntry];
      return [...log.slice(0, index), two, one, ...log.slice(index + 2)];
    };
    const pairs = indexes.filter((index) => index < 999);
    const at = (index: number) => index + 1;
    await everywhere(swapped, at, pairs);
    await everywhere((index) => swapped(index).map((row, n) => ({ ...row, seq: n + 1 })), at, pairs);
  });

  test('a row twice', async () => {
    await everywhere(
      (index) => log.toSpliced(index, 0, log[index] as AuditEntry),
      (index) => index + 2,
    );
  });

  test('a row put between, its hash fitting and the rest numbered anew', async () => {
    await everywhere(
      (index) => {
        const { hash: before } = log[index - 1] ?? chainStart;
        const { hash: _, ...row } = { ...(log[index] as AuditEntry), target: 'key_forged' };
        const forged = { ...row, hash: linkHash(before, row) };
        return log.toSpliced(index, 0, forged).map((one, at) => ({ ...one, seq: at + 1 }));
      },
      (index) => index + 2,
    );
  });

  test('the tail cut off', async () => {
    await everywhere(
      (index) => log.slice(0, index),
      (index) => index + 1,
    );
  });
});
