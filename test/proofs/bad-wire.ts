/** A TCP proxy between a client and a service that does to each request what the next fault says. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import type { Server } from '../../src/service/server.ts';

export const framings = ['length', 'chunked', 'close'] as const;
export type Framing = (typeof framings)[number];

export type Fault =
  | { kind: 'none'; framing: Framing }
  /** The answer ends after so many bytes, modulo its length; `reset` ends the connection hard. */
  | { kind: 'cut'; framing: Framing; after: number; reset: boolean }
  /** The connection ends before the request has arrived. */
  | { kind: 'unarrived' }
  /** The connection ends, and the request arrives all the same, now or later than the next one. */
  | { kind: 'lost' }
  | { kind: 'late' }
  /** The request arrives twice at once; the answer is the first's or the second's. */
  | { kind: 'twice'; answer: 0 | 1 }
  | { kind: 'refused'; status: number; committed: boolean };

export interface BadWire {
  readonly url: string;
  /** What happens to the coming requests, in order; those after the last pass unharmed. */
  faults: Fault[];
  /** Resolves when every request that was on its way has been answered by the service. */
  settled(): Promise<void>;
  close(): void;
}

interface Request {
  readonly method: string;
  readonly path: string;
  readonly headers: [string, string][];
  readonly body: Buffer<ArrayBuffer>;
}

interface Reply {
  readonly status: number;
  readonly type: string;
  readonly body: Buffer;
}

/** `service` answers in this process: what is proved is what becomes of requests and answers on their way. */
export async function badWire(service: Server): Promise<BadWire> {
  const flying = new Set<Promise<unknown>>();
  let waiting: (() => void)[] = [];

  async function send({ method, path, headers, body }: Request): Promise<Reply> {
    const answer = await service.inject({
      ...{ method: method as 'GET', url: path, headers: Object.fromEntries(headers) },
      ...(body.length > 0 ? { payload: body } : {}),
    });
    const type = String(answer.headers['content-type'] ?? '');
    return { status: answer.statusCode, type, body: answer.rawPayload };
  }

  function forward(request: Request): Promise<Reply> {
    const flight = send(request);
    flying.add(flight);
    return flight.finally(() => flying.delete(flight));
  }

  async function serve(socket: Socket, request: Request): Promise<void> {
    const fault: Fault = wire.faults.shift() ?? { kind: 'none', framing: 'length' };
    const overtaken = waiting;
    waiting = [];
    switch (fault.kind) {
      case 'none':
        socket.end(framed(await forward(request), fault.framing));
        break;
      case 'cut': {
        const bytes = framed(await forward(request), fault.framing);
        const part = bytes.subarray(0, fault.after % bytes.length);
        if (fault.reset) socket.write(part, () => socket.resetAndDestroy());
        else socket.end(part);
        break;
      }
      case 'unarrived':
        socket.destroy();
        break;
      case 'lost':
        await forward(request);
        socket.destroy();
        break;
      case 'late':
        waiting = [() => void forward(request)];
        socket.destroy();
        break;
      case 'twice': {
        const replies = await Promise.all([forward(request), forward(request)]);
        socket.end(framed(replies[fault.answer], 'length'));
        break;
      }
      case 'refused':
        if (fault.committed) await forward(request);
        socket.end(framed({ status: fault.status, type: 'text/plain', body: Buffer.from('no') }, 'length'));
    }
    for (const release of overtaken) release();
  }

  const server = createServer((socket) => {
    let received = Buffer.alloc(0);
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      const request = parsed(received);
      if (!request) return;
      received = Buffer.alloc(0);
      void serve(socket, request);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const wire: BadWire = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    faults: [],
    async settled() {
      for (const release of waiting) release();
      waiting = [];
      while (flying.size > 0) await Promise.allSettled(flying);
    },
    close: () => void server.close(),
  };
  return wire;
}

/** A request that has arrived whole; ours all come with their length. */
function parsed(bytes: Buffer): Request | null {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return null;
  const [first = '', ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n');
  const [method = '', path = ''] = first.split(' ');
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  const length = Number(headers.find(([name]) => name === 'content-length')?.[1] ?? 0);
  if (bytes.length < end + 4 + length) return null;
  const kept = headers.filter(([name]) => !/^(host|connection|content-length|accept-encoding)$/.test(name));
  return { method, path, headers: kept, body: Buffer.from(bytes.subarray(end + 4, end + 4 + length)) };
}

function framed({ status, type, body }: Reply, framing: Framing): Buffer {
  const head = [`HTTP/1.1 ${status} Said`, `content-type: ${type}`, 'connection: close'];
  if (status === 204) return Buffer.from(`${head.join('\r\n')}\r\n\r\n`);
  if (framing === 'length') head.push(`content-length: ${body.length}`);
  if (framing === 'chunked') head.push('transfer-encoding: chunked');
  const start = Buffer.from(`${head.join('\r\n')}\r\n\r\n`);
  if (framing !== 'chunked') return Buffer.concat([start, body]);
  const middle = Math.ceil(body.length / 2);
  const chunks = [body.subarray(0, middle), body.subarray(middle)].filter(({ length }) => length > 0);
  const parts = chunks.flatMap((chunk) => [`${chunk.length.toString(16)}\r\n`, chunk, '\r\n']);
  return Buffer.concat([start, ...[...parts, '0\r\n\r\n'].map((part) => Buffer.from(part))]);
}
