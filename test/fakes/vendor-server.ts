/**
 * A loopback server that stands for a vendor's service. What a fake notices that the vendor's clients would never send is a
 * complaint, and closing a server with complaints fails the test.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface WireRequest {
  readonly method: string;
  /** As it came, still encoded, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** The JSON body; undefined when there was none. */
  readonly body: unknown;
}

export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON, big integers as numbers; a string is sent as it is. */
  readonly body?: unknown;
  /** The connection ends after this many bytes of the body. */
  readonly cutAfter?: number;
  /** The connection ends without an answer. */
  readonly dropped?: boolean;
}

/** Something that goes wrong on the way, once unless `times` says more. */
export interface Mishap {
  /** Which requests it befalls; every one when absent. */
  readonly on?: (request: WireRequest) => boolean;
  readonly times?: number;
  /** How many fitting requests pass before it. */
  readonly after?: number;
  /** Answered in place of the service, which never sees the request. */
  readonly instead?: Reply;
  /** What becomes of the service's own answer. */
  readonly alter?: (reply: Reply) => Reply;
  /** Done to the service before it sees the request. */
  readonly before?: () => void;
}

export interface VendorServer {
  readonly url: string;
  readonly requests: WireRequest[];
  readonly complaints: string[];
  befall(mishap: Mishap): void;
  /** Mishaps are forgotten, requests and complaints as well. */
  calm(): void;
  /** Throws when there were complaints. */
  close(): Promise<void>;
}

export type Complain = (about: string) => void;
type Handle = (request: WireRequest, complain: Complain) => Reply;

export async function startVendorServer(handle: Handle): Promise<VendorServer> {
  const requests: WireRequest[] = [];
  const complaints: string[] = [];
  let mishaps: { mishap: Mishap; left: number; pass: number }[] = [];

  function answer(request: WireRequest): Reply {
    requests.push(request);
    const fitting = mishaps.find(({ mishap, left }) => left > 0 && (mishap.on?.(request) ?? true));
    const complain: Complain = (about) => complaints.push(`${request.method} ${request.path}: ${about}`);
    if (!fitting || fitting.pass-- > 0) return handle(request, complain);
    fitting.left -= 1;
    const { instead, alter, before } = fitting.mishap;
    if (instead) return instead;
    before?.();
    const reply = handle(request, complain);
    return alter?.(reply) ?? reply;
  }

  const server = createServer((incoming, outgoing) => {
    receive(incoming, (about) => complaints.push(about))
      .then((request) => send(outgoing, answer(request)))
      .catch((error: unknown) => {
        complaints.push(`the fake failed: ${String(error)}`);
        outgoing.destroy();
      });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    complaints,
    befall(mishap) {
      mishaps.push({ mishap, left: mishap.times ?? 1, pass: mishap.after ?? 0 });
    },
    calm() {
      mishaps = [];
      requests.length = 0;
      complaints.length = 0;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
      if (complaints.length > 0) throw new Error(`the fake complains:\n${complaints.join('\n')}`);
    },
  };
}

async function receive(incoming: IncomingMessage, complain: Complain): Promise<WireRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString('utf8');
  const [path = '', search = ''] = (incoming.url ?? '').split('?', 2);
  const headers = incoming.headers as Record<string, string | undefined>;
  const method = incoming.method ?? '';
  let body: unknown;
  if (text !== '') {
    if (!/^application\/(vnd\.api\+)?json(;|$)/.test(headers['content-type'] ?? ''))
      complain(`${method} ${path}: the body is not declared as JSON`);
    try {
      body = JSON.parse(text);
    } catch {
      complain(`${method} ${path}: the body is not JSON`);
    }
  }
  return { method, path, query: new URLSearchParams(search), headers, body };
}

function send(outgoing: ServerResponse, { status, headers = {}, body, cutAfter, dropped }: Reply): void {
  if (dropped) return void outgoing.destroy();
  const text = body === undefined ? '' : typeof body === 'string' ? body : wireJson(body);
  const bytes = Buffer.from(text);
  const kind = text === '' ? {} : { 'content-type': 'application/json' };
  outgoing.writeHead(status, {
    ...kind,
    ...(status === 204 ? {} : { 'content-length': String(bytes.length) }),
    ...headers,
  });
  if (cutAfter === undefined) return void outgoing.end(bytes);
  outgoing.write(bytes.subarray(0, Math.min(cutAfter, bytes.length - 1)), () => outgoing.destroy());
}

/** JSON in which a bigint is a number, however large. */
function wireJson(value: unknown): string {
  const text = JSON.stringify(value, (_name, part) => (typeof part === 'bigint' ? `bigint:${part}` : part));
  return text.replaceAll(/"bigint:(\d+)"/g, '$1');
}

/** The path below a base as decoded segments; null when it lies elsewhere. */
export function segmentsBelow(base: string, path: string): string[] | null {
  if (!path.startsWith(`${base}/`)) return null;
  return path
    .slice(base.length + 1)
    .split('/')
    .map(decodeURIComponent);
}

/** The names of fields that are there and should not be. */
export function unexpectedFields(body: object, known: readonly string[]): string[] {
  return Object.keys(body).filter((field) => !known.includes(field));
}
