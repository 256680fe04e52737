/**
 * An HTTP/1.1 client with little work of its own: `node:http`'s takes more time for a request than the servers that are to be
 * measured, and both would wait for it.
 */
import { once } from 'node:events';
import { connect } from 'node:net';

/** A request as it goes over the wire, and what its answer must hold. */
export interface Ask {
  readonly request: Buffer;
  readonly status: number;
  readonly holds: string;
}

export interface Connection {
  /** Sends one request and waits for its answer. Throws when it is not the one that was to come. */
  ask(ask: Ask): Promise<void>;
  close(): void;
}

export function ask(
  { method, path, headers = {}, body }: Request,
  { status = 200, holds = '' }: Partial<Pick<Ask, 'status' | 'holds'>> = {},
): Ask {
  const lines = [`${method} ${path} HTTP/1.1`, 'host: 127.0.0.1'];
  for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
  if (body !== undefined) {
    lines.push('content-type: application/json', `content-length: ${Buffer.byteLength(body)}`);
  }
  return { request: Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body ?? ''}`), status, holds };
}

export interface Request {
  readonly method: 'GET' | 'POST' | 'PATCH';
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

const headEnd = Buffer.from('\r\n\r\n');

/** Keeps its connection. Every answer has to tell its length. */
export async function open(port: number): Promise<Connection> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  let waiting: { asked: Ask; resolve(): void; reject(error: unknown): void } | null = null;
  let received: Buffer[] = [];
  let missing = -1;

  function fail(error: unknown): void {
    waiting?.reject(error);
    waiting = null;
  }

  function take(chunk: Buffer): void {
    received.push(chunk);
    missing -= chunk.length;
    // Before the head is there, nobody knows how much is to come.
    if (missing < 0) missing = missingOf(Buffer.concat(received));
    if (missing !== 0 || !waiting) return;
    const { asked, resolve } = waiting;
    const answer = Buffer.concat(received).toString();
    received = [];
    missing = -1;
    waiting = null;
    if (answer.startsWith(`HTTP/1.1 ${asked.status} `) && answer.includes(asked.holds)) resolve();
    else throw new Error(`${asked.request.toString()}\n\nwas answered\n\n${answer.slice(0, 2_000)}`);
  }

  socket.on('data', (chunk) => {
    const current = waiting;
    try {
      take(chunk);
    } catch (error) {
      current?.reject(error);
    }
  });
  socket.on('error', fail);
  const closed = () => new Error('the server closed a connection');
  socket.on('close', () => fail(closed()));
  return {
    ask(asked) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      waiting = { asked, resolve, reject };
      if (socket.destroyed) fail(closed());
      socket.write(asked.request);
      return promise;
    },
    close: () => socket.destroy(),
  };
}

/** How many bytes of an answer have not come yet; below 0 when its head is not whole. */
function missingOf(answer: Buffer): number {
  const end = answer.indexOf(headEnd);
  if (end < 0) return -1;
  const head = answer.toString('latin1', 0, end);
  const length = /^content-length: (\d+)/im.exec(head)?.[1];
  if (length === undefined) throw new Error(`an answer without its length: ${head}`);
  return end + headEnd.length + Number(length) - answer.length;
}
