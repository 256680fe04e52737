import { DatabaseError } from 'pg';
import { expect, test } from 'vitest';
import { isBroken, isRetryable, postgresError, told } from '../../../src/service/postgres-errors.ts';

/** What comes of an error of the driver. */
function troubleOf(cause: Error): Promise<unknown> {
  return told(Promise.reject(cause)).catch((error) => error);
}

function refusal(state: string): Error {
  return Object.assign(new DatabaseError('said by PostgreSQL', 1, 'error'), { code: state });
}

test.each([
  ...['08006', '0A000', '25006', '28000', '28P01', '3D000', '3F000', '42501'],
  ...['53100', '53300', '55P03', '57014', '57P01', '57P03', '58030'],
])('%s, of which only an operator or time can make an end, is unavailable', async (state) => {
  expect(postgresError(await troubleOf(refusal(state)))).toMatchObject({ code: 'unavailable' });
});

test.each(['22021', '22P02', '22P05'])(
  '%s, of a text that the database cannot hold, is invalid',
  async (state) => {
    expect(postgresError(await troubleOf(refusal(state)))).toMatchObject({ code: 'invalid' });
  },
);

test.each(['23505', '42601', '42P01'])('%s is a mistake of ours, and stays what it is', async (state) => {
  const cause = refusal(state);
  expect(postgresError(await troubleOf(cause))).toBe(cause);
});

test('a connection that broke is unavailable and not used again, also where its error has a code of five letters', async () => {
  const trouble = await troubleOf(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
  expect(postgresError(trouble)).toMatchObject({ code: 'unavailable' });
  expect(isBroken(trouble)).toBe(true);
  expect(isBroken(await troubleOf(refusal('57014')))).toBe(false);
});

test('only what lost against another transaction is begun again', async () => {
  for (const state of ['40001', '40P01']) expect(isRetryable(await troubleOf(refusal(state)))).toBe(true);
  for (const state of ['57014', '08006']) expect(isRetryable(await troubleOf(refusal(state)))).toBe(false);
});

test('what the work itself throws is not taken for an error of the database', () => {
  const own = Object.assign(new Error('own'), { code: '08006' });
  expect(postgresError(own)).toBe(own);
  expect([isBroken(own), isRetryable(own)]).toEqual([false, false]);
});
