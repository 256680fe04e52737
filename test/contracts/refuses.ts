/** Expects an attempt to be refused with an error of this code, whose message and hint say this. */
import { expect } from 'vitest';
import { type ErrorCode, KeysError } from '../../src/errors.ts';

export async function refuses(code: ErrorCode, attempt: Promise<unknown>, said = /^/): Promise<void> {
  const thrown = await attempt.then(
    () => null,
    (error: unknown) => error,
  );
  expect(thrown).toBeInstanceOf(KeysError);
  const { code: found, message, hint } = thrown as KeysError;
  expect(found).toBe(code);
  expect(`${message}\n${hint ?? ''}`).toMatch(said);
}
