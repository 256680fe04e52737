/** From a request's `Authorization` header to who sent it. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { KeysError } from '../errors.ts';
import { Secret } from '../secret.ts';
import { limitHeaders } from './limit-headers.ts';
import type { Service } from './service.ts';

/**
 * Throws `unauthenticated` for a credential that is not good, also where none is needed, and for none where one is, and
 * `rate_limited`, before anything is done.
 */
export async function authenticate(
  service: Service,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  request.context = {
    address: request.ip,
    requestId: request.id,
    told: (standings) => void reply.headers(limitHeaders(standings)),
  };
  const { credential } = request.routeOptions.config;
  request.service = service;
  if (credential === 'ignored' || request.is404) return;
  const secret = secretOf(request.headers.authorization);
  // Who verifies others' secrets does so on their account.
  const counted = request.routeOptions.config.counted !== false;
  const caller = secret && (await service.authenticate(secret, request.context, counted));
  if (secret && !caller) throw notValid();
  if (!caller && credential !== 'optional') {
    throw new KeysError(
      'unauthenticated',
      'this takes the secret of a key, or the access token of a session',
      {
        hint: 'send it as Authorization: Bearer <secret>',
      },
    );
  }
  request.caller = caller;
  request.keys = service.as(caller, request.context);
}

/** A body takes its time: whose credential has ended meanwhile is refused, and whoever has got another role has that. */
export async function authenticateAgain(service: Service, request: FastifyRequest): Promise<void> {
  const { body, caller, context, headers } = request;
  if (!caller || body === undefined) return;
  const secret = secretOf(headers.authorization);
  request.caller = secret && (await service.authenticate(secret, context, false));
  if (!request.caller) throw notValid();
  request.keys = service.as(request.caller, context);
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
