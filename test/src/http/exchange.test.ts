/** One request on a dispatcher that does what undici does only in a race. */
import type { Dispatcher } from 'undici';
import { expect, test } from 'vitest';
import { exchange, NoAnswer } from '../../../src/http/exchange.ts';

const request: Dispatcher.DispatchOptions = { path: '/v1/keys', method: 'POST' };
const context = {};

/** Starts a request, for a driver of the wire to go on with; `aborted` is what was given up. */
function started(signal = new AbortController().signal) {
  const handlers: Dispatcher.DispatchHandler[] = [];
  const aborted: string[] = [];
  const controllerOf = (name: string) =>
    ({ abort: () => aborted.push(name) }) as unknown as Dispatcher.DispatchController;
  const dispatcher = {
    dispatch: (_request: unknown, handler: Dispatcher.DispatchHandler) => handlers.push(handler) > 0,
  };
  const answer = exchange(dispatcher as unknown as Dispatcher, request, 100, signal);
  return { answer, aborted, controllerOf, wire: handlers[0] as Dispatcher.DispatchHandler };
}

test('a request that is interrupted while it connects is given up as unsent, and not sent when the connection is there', async () => {
  const interruption = new AbortController();
  const { answer, aborted, controllerOf, wire } = started(interruption.signal);
  interruption.abort(new Error('interrupted'));
  const error = await answer.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(NoAnswer);
  expect(error).toMatchObject({ sent: false, cause: { message: 'interrupted' } });
  wire.onRequestStart?.(controllerOf('late'), context);
  expect(aborted).toEqual(['late']);
});

test('a request that is interrupted once it was sent is given up on the wire, and may have been read', async () => {
  const interruption = new AbortController();
  const { answer, aborted, controllerOf, wire } = started(interruption.signal);
  wire.onRequestStart?.(controllerOf('first'), context);
  interruption.abort(new Error('interrupted'));
  expect(aborted).toEqual(['first']);
  await expect(answer).rejects.toMatchObject({ sent: true, cause: { message: 'interrupted' } });
});

test('a request that a connection would send again is given up', async () => {
  const { answer, aborted, controllerOf, wire } = started();
  wire.onRequestStart?.(controllerOf('first'), context);
  wire.onRequestStart?.(controllerOf('again'), context);
  expect(aborted).toEqual(['again']);
  wire.onResponseError?.(controllerOf('again'), new Error('never sent twice'));
  await expect(answer).rejects.toMatchObject({ sent: true });
});

test('hints that come before an answer are none: a connection that ends after them has given no answer', async () => {
  const { answer, controllerOf, wire } = started();
  wire.onRequestStart?.(controllerOf('first'), context);
  wire.onResponseStart?.(controllerOf('first'), 103, {}, 'Early Hints');
  wire.onResponseError?.(controllerOf('first'), new Error('closed'));
  await expect(answer).rejects.toMatchObject({ sent: true });
});
