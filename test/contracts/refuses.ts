/** Expects an attempt to be refused with an error of this code. */
import { expect } from 'vitest';
import { type ErrorCode, KeysError } from '../../src/errors.ts';

export async function refuses(code: ErrorCode, attempt: Promise<unknown>): Promise<void> {
  const thrown = await attempt.then(
    () => null,
    (error: unknown) => error,
  );
  expect(thrown).toBeInstanceOf(KeysError);
  expect((thrown as KeysError).code).toBe(code);
}
