import { z } from 'zod';
import { KeysError } from '../../errors.ts';
import { Secret } from '../../secret.ts';
import { authenticateAgain } from '../authenticate.ts';
import {
  newSessionSchema,
  noBody,
  problems,
  renewalSchema,
  sessionSchema,
  stepUpBody,
  stepUpSchema,
} from '../schemas.ts';
import type { Server } from '../server.ts';
import type { SessionTokens } from '../sessions.ts';

function revealed({ accessToken, refreshToken, ...rest }: SessionTokens) {
  return { ...rest, accessToken: accessToken.reveal(), refreshToken: refreshToken.reveal() };
}

export function createSession(app: Server): void {
  app.post(
    '/v1/sessions',
    {
      config: { credential: 'optional' },
      preValidation: authenticateAgain,
      schema: {
        summary: 'A session for a user and a password, or one that acts as the key that asks',
        security: [{}, { bearer: [] }, { apiKey: [] }],
        body: newSessionSchema,
        response: { 201: sessionSchema, ...problems },
      },
    },
    async ({ service, caller, context, body }, reply) => {
      const { sessions } = service;
      reply.code(201);
      if (body) return revealed(await sessions.open(body.user, new Secret(body.password), context));
      if (caller) return revealed(await sessions.openAs(caller, context));
      throw new KeysError('unauthenticated', 'a session takes a user and a password, or the secret of a key');
    },
  );
}

export function refreshSession(app: Server): void {
  app.post(
    '/v1/sessions/refresh',
    {
      config: { credential: 'ignored' },
      schema: {
        summary:
          'The next two tokens; the old refresh token is good for nothing any more, and used again ends all',
        security: [{}],
        body: renewalSchema,
        response: { 200: sessionSchema, ...problems },
      },
    },
    async ({ service, context, body }) =>
      revealed(await service.sessions.renew(new Secret(body.refreshToken), context)),
  );
}

export function endSession(app: Server): void {
  app.delete(
    '/v1/sessions/current',
    {
      schema: {
        summary: 'End the session that asks',
        body: noBody,
        response: { 204: z.undefined(), ...problems },
      },
    },
    async ({ service, caller, context }, reply) => {
      if (caller) await service.sessions.end(caller, context);
      return reply.code(204).send();
    },
  );
}

export function stepUp(app: Server): void {
  app.post(
    '/v1/sessions/step-up',
    {
      schema: {
        summary: 'A token for five minutes, for what takes the password again',
        body: stepUpBody,
        response: { 200: stepUpSchema, ...problems },
      },
    },
    async ({ service, caller, context, body }) => {
      if (!caller) throw new KeysError('unauthenticated', 'this takes a session');
      const { accessToken, expiresAt } = await service.sessions.stepUp(
        caller,
        new Secret(body.password),
        context,
      );
      return { accessToken: accessToken.reveal(), expiresAt };
    },
  );
}
