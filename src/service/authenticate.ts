/** From a request's `Authorization` header to who sent it. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { KeysError } from '../errors.ts';
import { Secret } from '../secret.ts';
import { limitHeaders } from './limit-headers.ts';

/**
 * Throws `unauthenticated` for a credential that is not good, also where none is needed, and for none where one is, and
 * `rate_limited`, before anything is done.
 */
export async function authenticate(
  request: FastifyRequest,
  reply: FastifyReply,
  address: string | null,
): Promise<void> {
  request.context = {
    address,
    requestId: request.id,
    told: (standings) => void reply.headers(limitHeaders(standings)),
  };
  const { credential } = request.routeOptions.config;
  if (credential === 'ignored' || request.is404) return;
  const secret = secretOf(request.headers.authorization);
  if (secret) return authenticateWith(secret, request);
  if (credential === 'optional') return;
  throw new KeysError('unauthenticated', 'this takes the secret of a key, or the access token of a session', {
    hint: 'send it as Authorization: Bearer <secret>',
  });
}

async function authenticateWith(secret: Secret, request: FastifyRequest): Promise<void> {
  const { service, context, routeOptions } = request;
  // Who verifies others' secrets does so on their account.
  const counted = routeOptions.config.counted !== false;
  request.caller = await service.authenticate(secret, context, counted);
  if (!request.caller) throw notValid();
}

/** A body takes its time: whose credential has ended meanwhile is refused, and whoever has got another role has that. */
export async function authenticateAgain(request: FastifyRequest): Promise<void> {
  const { service, body, caller, context, headers } = request;
  // One in chunks may be empty in the end.
  const hasWaited = body !== undefined || headers['transfer-encoding'] !== undefined;
  if (!caller || !hasWaited) return;
  const secret = secretOf(headers.authorization);
  request.caller = secret && (await service.authenticate(secret, context, false));
  if (!request.caller) throw notValid();
}

function notValid(): KeysError {
  return new KeysError('unauthenticated', 'this credential is not valid');
}

function secretOf(header: string | undefined): Secret | null {
  if (header === undefined) return null;
  const text = /^(?:Bearer|ApiKey) +(\S+) *$/i.exec(header)?.[1];
  if (text) return new Secret(text);
  throw new KeysError(
    'unauthenticated',
    'the Authorization header is neither Bearer nor ApiKey with a secret',
  );
}
