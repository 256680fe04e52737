/** Grafana's service-account tokens, from docs/sources/developers/http_api/serviceaccount.md. */
import { to } from '../mishaps.ts';
import type { Reply } from '../vendor-server.ts';
import { type ExampleFake, hex, startExample } from './example.ts';

interface Token {
  id: number;
  name: string;
  role: string;
  created: string;
  expiration: string | null;
}

const collection = /^\/api\/serviceaccounts\/7\/tokens$/;

export async function grafanaFake(): Promise<ExampleFake> {
  const tokens: Token[] = [];
  const credential = `glsa_${hex(32)}`;
  let nextId = 1;

  function seed(name: string, expiration: string | null = null): Token {
    const id = nextId++;
    const created = new Date(1_760_000_000_000 + id * 1_000).toISOString();
    const token = { id, name, role: 'Viewer', created, expiration };
    tokens.push(token);
    return token;
  }

  return startExample(
    [
      {
        method: 'GET',
        path: collection,
        answer: () => ({
          status: 200,
          body: tokens.map((token) => {
            const left = token.expiration ? (Date.parse(token.expiration) - Date.now()) / 1_000 : 0;
            return { ...token, secondsUntilExpiration: left, hasExpired: left < 0 };
          }),
        }),
      },
      {
        method: 'POST',
        path: collection,
        body: ['name', 'secondsToLive'],
        answer: ({ body: { name, secondsToLive = 0 } }): Reply => {
          if (typeof name !== 'string' || name === '') return failure(400, 'missing token name');
          if (typeof secondsToLive !== 'number' || !Number.isInteger(secondsToLive) || secondsToLive < 0)
            return failure(400, 'bad request data');
          const ends =
            secondsToLive === 0 ? null : new Date(Date.now() + secondsToLive * 1_000).toISOString();
          const { id } = seed(name, ends);
          return { status: 200, body: { id, name, key: `glsa_${hex(40)}` } };
        },
      },
      {
        method: 'DELETE',
        path: /^\/api\/serviceaccounts\/7\/tokens\/([^/]+)$/,
        answer: ({ parts: [id] }) => {
          const index = tokens.findIndex((token) => String(token.id) === id);
          if (index < 0) return failure(404, 'service account token not found');
          tokens.splice(index, 1);
          return { status: 200, body: { message: 'API key deleted' } };
        },
      },
    ],
    ({ headers }) => (headers.authorization === `Bearer ${credential}` ? null : failure(401, 'Unauthorized')),
    {
      credential,
      settings: { account: '7' },
      mint: to('POST', /tokens$/),
      list: to('GET', /tokens$/),
      stored: () => tokens.length,
      seed: (name) => void seed(name),
      empty: () => void tokens.splice(0),
    },
  );
}

function failure(status: number, message: string): Reply {
  return { status, body: { message } };
}
