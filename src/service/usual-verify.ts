/**
 * A verify as nearly all of them are: no credential, and a small body that comes along with its headers. It passes the web framework
 * by, which would take as long for it as finding the key does. What is unusual in any way goes to the framework, which answers alike.
 */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Verification } from '../keys.ts';
import { Secret } from '../secret.ts';
import type { TellAnswered } from './answered.ts';
import type { RequestContext } from './audit.ts';
import { limitHeaders } from './limit-headers.ts';
import type { Metrics } from './metrics.ts';
import type { Readiness } from './readiness.ts';
import { requestIdOf } from './request-id.ts';
import type { Service } from './service.ts';

/** Why a verify was not answered here. */
export interface FailedVerify {
  readonly error: unknown;
  readonly context: RequestContext;
  /** How the limits stand. */
  readonly headers: Readonly<Record<string, string>>;
  /** How long it took to fail. */
  readonly ms: number;
}

interface Parts {
  readonly service: Pick<Service, 'as'>;
  readonly metrics: Metrics;
  readonly readiness: Readiness;
  readonly tell: TellAnswered;
  addressOf(request: IncomingMessage): string | null;
  /** The framework finds there why a verify has failed, and says so. */
  readonly failed: WeakMap<IncomingMessage, FailedVerify>;
}

const path = '/v1/verify';
const types = ['application/json', 'application/json; charset=utf-8'];
const largestBody = 2_048;

export function usualVerify(parts: Parts, framework: RequestListener): RequestListener {
  const { service, metrics, readiness, tell, addressOf, failed } = parts;

  async function answer(request: IncomingMessage, response: ServerResponse, secret: Secret): Promise<void> {
    const startedMs = performance.now();
    const requestId = requestIdOf(request);
    const address = addressOf(request);
    let limits = {};
    const context: RequestContext = {
      address,
      requestId,
      told: (standings) => {
        limits = limitHeaders(standings);
      },
    };
    let verification: Verification;
    try {
      verification = await service.as(null, context).verify(secret);
    } catch (error) {
      failed.set(request, { error, context, headers: limits, ms: performance.now() - startedMs });
      request.headers['x-request-id'] = requestId;
      return framework(request, response);
    }
    metrics.verified(verification.reason);
    // Whoever has gone is not answered: with the framework, too, that is neither counted nor logged.
    if (!request.socket.writable) return;
    const text = JSON.stringify(verification);
    response.writeHead(200, {
      'x-request-id': requestId,
      'cache-control': 'no-store',
      ...limits,
      'content-type': 'application/json; charset=utf-8',
      'content-length': Buffer.byteLength(text),
      // As the framework's hook has it for the others.
      ...(readiness.stopping ? { connection: 'close' } : {}),
    });
    response.end(text);
    const ms = performance.now() - startedMs;
    tell({ requestId, method: 'POST', route: path, status: 200, keyId: null, address, ms });
  }

  return (request, response) => {
    if (!isUsual(request)) return framework(request, response);
    request.once('readable', () => {
      const body = request.read() as Buffer | null;
      const secret = body && secretIn(body, request);
      if (secret) {
        // Otherwise its end is never come to, and Node keeps it until the next one on its connection.
        request.resume();
        return void answer(request, response, secret);
      }
      if (body) request.unshift(body);
      framework(request, response);
    });
  };
}

function isUsual({ url, method, headers }: IncomingMessage): boolean {
  const length = Number(headers['content-length']);
  return (
    url === path &&
    method === 'POST' &&
    headers.authorization === undefined &&
    types.includes(headers['content-type'] ?? '') &&
    // One without a body is over when it is first looked at: the framework would wait for its end in vain.
    length > 0 &&
    length <= largestBody
  );
}

/** `null` where the body is not all of it, or not of the usual kind. */
function secretIn(body: Buffer, { headers }: IncomingMessage): Secret | null {
  if (body.length !== Number(headers['content-length'])) return null;
  try {
    const asked: unknown = JSON.parse(body.toString());
    if (typeof asked !== 'object' || asked === null || Object.keys(asked).length !== 1) return null;
    const { secret } = asked as { secret?: unknown };
    return typeof secret === 'string' ? new Secret(secret) : null;
  } catch {
    return null;
  }
}
