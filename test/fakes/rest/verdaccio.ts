/** Verdaccio's npm tokens, from the source of verdaccio 6.8.0 and what a running 6.10.4 answered. */
import { to } from '../mishaps.ts';
import type { Reply } from '../vendor-server.ts';
import { type ExampleFake, hex, type RouteCall, startExample } from './example.ts';

interface Token {
  user: string;
  token: string;
  key: string;
  cidr: string[];
  readonly: boolean;
  created: string;
}

export async function verdaccioFake(): Promise<ExampleFake> {
  const tokens: Token[] = [];
  const password = hex(20);
  const credential = `alice:${password}`;

  function seed(secret: string, readonly = false): Token {
    const token: Token = {
      user: 'alice',
      token: `${secret.slice(0, 5)}...${secret.slice(-5)}`,
      key: hex(32),
      cidr: [],
      readonly,
      created: new Date(1_760_000_000_000 + tokens.length * 1_000).toISOString(),
    };
    tokens.push(token);
    return token;
  }

  function create({ body: { password: given, readonly, cidr_whitelist: cidr } }: RouteCall): Reply {
    if (given !== password) return { status: 401, body: { error: 'unauthorized' } };
    if (typeof readonly !== 'boolean' || !Array.isArray(cidr))
      return { status: 422, body: { error: 'the parameters are not valid' } };
    const secret = hex(60);
    const made = seed(secret, readonly);
    return { status: 200, headers: { 'cache-control': 'no-store' }, body: { ...made, token: secret } };
  }

  return startExample(
    [
      {
        method: 'GET',
        path: /^\/-\/npm\/v1\/tokens$/,
        answer: () => ({ status: 200, body: { objects: tokens, urls: { next: '' } } }),
      },
      {
        method: 'POST',
        path: /^\/-\/npm\/v1\/tokens$/,
        body: ['password', 'readonly', 'cidr_whitelist'],
        answer: create,
      },
      {
        method: 'DELETE',
        path: /^\/-\/npm\/v1\/tokens\/token\/([^/]+)$/,
        answer: ({ parts: [key] }) => {
          const index = tokens.findIndex((token) => token.key === key);
          if (index >= 0) tokens.splice(index, 1);
          return { status: 200, body: {} };
        },
      },
    ],
    ({ headers }) =>
      headers.authorization === `Basic ${Buffer.from(credential).toString('base64')}`
        ? null
        : { status: 401, body: { error: 'no credentials provided' } },
    {
      credential,
      mint: to('POST', /tokens$/),
      list: to('GET', /tokens$/),
      template: { roles: ['reader'] },
      stored: () => tokens.length,
      seed: (name) => void seed(`${name}-${hex(20)}`),
      empty: () => void tokens.splice(0),
    },
  );
}
