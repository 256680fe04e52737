import { expect, test } from 'vitest';
import type { NewKey } from '../../../src/keys.ts';
import type { Operation } from '../../../src/operations/operation.ts';
import { parseOperation } from '../../../src/operations/operation-schema.ts';

const key: Required<NewKey> = {
  name: 'ci',
  namespace: 'default',
  description: 'for the pipeline',
  type: 'manage',
  roles: ['viewer'],
  permissions: ['dashboards.read'],
  apiVersion: '2026-11-01',
  expiresAt: '2027-01-31T00:00:00.000Z',
  owner: 'alice',
  labels: { team: 'web' },
  rateLimit: { requests: 60, perSeconds: 60 },
  recoverable: true,
};

const operation: Required<Operation> = {
  schema: 1,
  id: 'op_0123456789abcdef',
  command: 'create',
  profile: 'local',
  origin: 'sqlite:keys.db',
  idempotencyKey: 'k',
  replaces: 'j',
  request: { kind: 'create', key },
  key: null,
  minted: { id: 'key_1', name: 'ci' },
  destinations: ['stdout'],
  attempted: [],
  delivered: [],
  force: false,
  graceMs: 0,
  check: null,
  state: 'unproven',
  startedAt: '2026-11-01T00:00:00.000Z',
  unprovenSince: '2026-11-01T00:00:00.000Z',
};

test('nothing that the journal holds is lost when it is read: a mint is asked for again in the same words', () => {
  for (const request of [
    operation.request,
    { kind: 'successor', of: 'key_0', key } as const,
    { kind: 'regenerate', id: 'key_1', graceMs: 1, version: '1' } as const,
    { kind: 'overlap', id: 'key_1', version: null, takeOver: true } as const,
  ]) {
    const written = { ...operation, request };
    expect(parseOperation(JSON.stringify(written), 'file')).toEqual(written);
  }
});
