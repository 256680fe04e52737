/** What the tests of drivers share: the HTTP library as a test wants it, and the error of a failure. */
import { onTestFinished } from 'vitest';
import { KeysError } from '../../src/errors.ts';
import { createHttp, type Http, type HttpOptions } from '../../src/http.ts';
import { Redactor, Secret } from '../../src/secret.ts';

/** Impatient between attempts, closed after the test. */
export function httpTo(baseUrl: string, options: Partial<HttpOptions> = {}): Http {
  const http = createHttp({
    baseUrl,
    credential: new Secret('s3cr3t'),
    timeoutMs: 10_000,
    signal: new AbortController().signal,
    redactor: new Redactor(),
    backoffMs: 1,
    ...options,
  });
  onTestFinished(() => http.close());
  return http;
}

/** The KeysError that `work` fails with; anything else fails the test. */
export async function failureOf(work: Promise<unknown>): Promise<KeysError> {
  const error = await work.then(
    () => new Error('it did not fail'),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof KeysError)) throw error;
  return error;
}
