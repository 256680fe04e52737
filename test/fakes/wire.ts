/** A key service of a test's own, on a loopback port: it answers as scripted and remembers what it was asked. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

export interface Asked {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export type Reply = (response: ServerResponse, asked: Asked) => void;

export interface ScriptedService {
  readonly url: string;
  readonly port: number;
  readonly asked: Asked[];
}

/** A script is worked off in order: a request beyond it fails the test, and so does a reply never used. */
export async function scriptedService(
  script: readonly Reply[] | Reply,
  tls?: ServerOptions,
): Promise<ScriptedService> {
  const asked: Asked[] = [];
  const unexpected: string[] = [];
  const server = tls ? createTlsServer(tls) : createServer();
  server.on('request', async (request, response) => {
    const { method = '', url = '', headers } = request;
    let body = '';
    for await (const chunk of request) body += chunk;
    const seen = { method, url, headers, body };
    asked.push(seen);
    const reply = typeof script === 'function' ? script : script[asked.length - 1];
    if (reply) return reply(response, seen);
    unexpected.push(`${method} ${url}`);
    json(400, { detail: 'the test expected no such request' })(response, seen);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
    if (unexpected.length > 0) throw new Error(`unexpected requests: ${unexpected.join(', ')}`);
    if (typeof script !== 'function' && asked.length < script.length)
      throw new Error(`${script.length - asked.length} replies were never used`);
  });
  return { url: `${tls ? 'https' : 'http'}://127.0.0.1:${port}`, port, asked };
}

export function json(status: number, body: unknown, headers: Record<string, string> = {}): Reply {
  return (response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(body === undefined ? undefined : JSON.stringify(body));
  };
}

export function problem(status: number, code: string, headers: Record<string, string> = {}): Reply {
  return json(
    status,
    { type: 'about:blank', title: 'T', status, detail: `said ${code}`, code, hint: null, requestId: 'r-1' },
    { 'content-type': 'application/problem+json', ...headers },
  );
}

/** The request arrives whole, and then the connection is gone. */
export const lost: Reply = (response) => response.socket?.destroy();

export const silent: Reply = () => {};

/** Bytes as they go over the wire, and then the end of the connection. */
export function raw(bytes: string | Buffer): Reply {
  return (response) => void response.socket?.end(bytes);
}
