/** What can be said of a mint by its idempotency key. */
import { z } from 'zod';
import { KeysError } from '../../errors.ts';
import { tagged } from '../etag.ts';
import { graceSchema, idempotencyHeaders, keySchema, mintSchema, noBody, problems } from '../schemas.ts';
import type { Server } from '../server.ts';

const headers = idempotencyHeaders.required();

export function mintStatus(app: Server): void {
  app.get(
    '/v1/mint',
    {
      schema: { summary: 'What became of a mint', headers, response: { 200: mintSchema, ...problems } },
    },
    async ({ keys, headers }) => {
      const mint = await keys.minting.status(headers['idempotency-key']);
      if (mint) return mint;
      throw new KeysError('not_found', 'nothing was minted under this idempotency key');
    },
  );
}

export function cancelMint(app: Server): void {
  app.post(
    '/v1/mint/cancel',
    {
      schema: {
        summary: 'Let nothing be minted from now on; what was minted before',
        headers,
        body: noBody,
        response: { 200: mintSchema, 204: z.undefined(), ...problems },
      },
    },
    async ({ keys, headers }, reply) => {
      const mint = await keys.minting.cancel(headers['idempotency-key']);
      return mint ?? reply.code(204).send();
    },
  );
}

export function acknowledgeMint(app: Server): void {
  app.post(
    '/v1/mint/acknowledge',
    {
      schema: {
        summary: 'The secret has arrived: destroy its replay',
        headers,
        body: noBody,
        response: { 204: z.undefined(), ...problems },
      },
    },
    async ({ keys, headers }, reply) => {
      await keys.minting.acknowledge(headers['idempotency-key']);
      return reply.code(204).send();
    },
  );
}

export function settleMint(app: Server): void {
  app.post(
    '/v1/mint/settle',
    {
      schema: {
        summary: 'End an overlap: keep the new secret or the old one',
        headers,
        body: z.strictObject({ keep: z.enum(['new', 'old']), graceMs: graceSchema }),
        response: { 200: keySchema, ...problems },
      },
    },
    async ({ keys, headers, body }, reply) =>
      tagged(reply, await keys.minting.settle(headers['idempotency-key'], body)),
  );
}
