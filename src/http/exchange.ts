/** One request and its answer, counted while it streams. */
import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import { isTlsAlert } from './failure.ts';

export interface Received {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** How the body ended; what came of it until then is in `body`. */
  readonly end: 'whole' | 'cut' | 'too large';
}

/** No answer came. `sent` tells whether the service may have read the request. */
export class NoAnswer extends Error {
  readonly sent: boolean;

  constructor(cause: unknown, sent: boolean) {
    super('no answer', { cause });
    this.sent = sent;
  }
}

/** Those over which HTTP was heard: whoever speaks it may have done what it was sent, whatever it answers then. */
const spoken = new WeakSet<Dispatcher>();

/** Sends a request once. Throws `NoAnswer`, with the signal's reason as its cause when that ended it. */
export function exchange(
  dispatcher: Dispatcher,
  request: Dispatcher.DispatchOptions,
  maxBytes: number,
  signal: AbortSignal,
): Promise<Received> {
  return new Promise((resolve, reject) => {
    let controller: Dispatcher.DispatchController | undefined;
    let status = 0;
    let headers: IncomingHttpHeaders = {};
    const chunks: Buffer[] = [];
    let size = 0;

    function finish(end: Received['end']): void {
      signal.removeEventListener('abort', stop);
      resolve({ status, headers, body: Buffer.concat(chunks), end });
    }
    function fail(cause: unknown): void {
      signal.removeEventListener('abort', stop);
      const takenForTls = isTlsAlert(cause) && !spoken.has(dispatcher);
      reject(new NoAnswer(cause, controller !== undefined && !takenForTls));
    }
    // undici heeds no signal while it connects, so the waiting ends here and the request later, unsent.
    function stop(): void {
      fail(signal.reason);
      controller?.abort(signal.reason);
    }

    if (signal.aborted) return stop();
    signal.addEventListener('abort', stop);
    dispatcher.dispatch(request, {
      onRequestStart(started) {
        if (controller || signal.aborted) return started.abort(new Error('never sent twice'));
        controller = started;
      },
      onResponseStart(_controller, code, fields) {
        spoken.add(dispatcher);
        if (code < 200) return;
        status = code;
        headers = fields;
      },
      onResponseData(answering, chunk) {
        size += chunk.length;
        if (size <= maxBytes) chunks.push(chunk);
        else {
          finish('too large');
          answering.abort(new Error('too large'));
        }
      },
      onResponseEnd: () => finish('whole'),
      onResponseError: (_controller, error) => (status === 0 ? fail(error) : finish('cut')),
    });
  });
}
