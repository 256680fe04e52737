/** The answers that hurt, for every fake. */
import type { Mishap, Reply, WireRequest } from './vendor-server.ts';

export const htmlLoginPage: Mishap = {
  instead: {
    status: 200,
    headers: { 'content-type': 'text/html; charset=utf-8' },
    body: '<!doctype html><title>Log in</title><form>…</form>',
  },
};

/** The right answer, under the wrong name. */
export const wrongContentType: Mishap = {
  alter: (reply) => ({ ...reply, headers: { ...reply.headers, 'content-type': 'text/plain' } }),
};

export function errorWithoutMessage(status: number): Mishap {
  return { instead: { status, body: {} } };
}

export function redirectTo(location: string): Mishap {
  return { instead: { status: 307, headers: { location } } };
}

/** The service turns the request away and says when to come back. */
export function tooManyRequests(retryAfter: string | null): Mishap {
  return {
    instead: { status: 429, body: {}, ...(retryAfter && { headers: { 'retry-after': retryAfter } }) },
  };
}

/** The service does its work, and its answer is lost on the way. */
export const lostAnswer: Mishap = { alter: (reply) => ({ ...reply, dropped: true }) };

/** The request is lost on the way. */
export const lostRequest: Mishap = { instead: { status: 0, dropped: true } };

export function cutAnswer(bytes: number): Mishap {
  return { alter: (reply) => ({ ...reply, cutAfter: bytes }) };
}

/** Adds fields nobody has heard of to every object of the answer. */
export const unknownExtras: Mishap = {
  alter: (reply) => ({ ...reply, body: withExtras(reply.body) }),
};

function withExtras(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withExtras);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([name, part]) => [name, withExtras(part)]);
  return { ...Object.fromEntries(entries), xFuture: { deep: [1, null, 'x'] } };
}

/** Changes the JSON of an answer. */
export function altered(change: (body: Record<string, unknown>) => unknown): Mishap {
  return { alter: (reply: Reply) => ({ ...reply, body: change(reply.body as Record<string, unknown>) }) };
}

export function to(method: string, path: RegExp): (request: WireRequest) => boolean {
  return (request) => request.method === method && path.test(request.path);
}
