/** The service of docs/rest-driver.md, as that page describes it. */
import { to } from '../mishaps.ts';
import type { Reply } from '../vendor-server.ts';
import { type ExampleFake, hex, startExample, textIn } from './example.ts';

interface Token {
  token_id: string;
  label: string;
  made: number;
  until: number | null;
}

export async function unheardOfFake(): Promise<ExampleFake> {
  const tokens: Token[] = [];
  const credential = hex(40);

  function seed(label: string, until: number | null = null): Token {
    const token = { token_id: `t${tokens.length + 1}`, label, made: 1_760_000_000 + tokens.length, until };
    tokens.push(token);
    return token;
  }
  seed('web');

  return startExample(
    [
      { method: 'GET', path: /^\/tokens$/, answer: () => ({ status: 200, body: { tokens } }) },
      {
        method: 'POST',
        path: /^\/tokens$/,
        body: ['label', 'ttl'],
        answer: ({ body }): Reply => {
          const label = textIn(body, 'label') ?? '';
          if (tokens.some((token) => token.label === label))
            return { status: 409, body: { problem: `there is a token '${label}' already` } };
          const until = typeof body.ttl === 'number' ? Math.floor(Date.now() / 1_000) + body.ttl : null;
          return { status: 201, body: { ...seed(label, until), value: `acme_${hex(40)}` } };
        },
      },
      {
        method: 'DELETE',
        path: /^\/tokens\/([^/]+)$/,
        answer: ({ parts: [id] }) => {
          const index = tokens.findIndex((token) => token.token_id === id);
          if (index < 0) return { status: 404, body: { problem: 'no such token' } };
          tokens.splice(index, 1);
          return { status: 204 };
        },
      },
    ],
    ({ headers }) =>
      headers['x-acme-key'] === credential ? null : { status: 401, body: { problem: 'who are you?' } },
    {
      credential,
      mint: to('POST', /tokens$/),
      list: to('GET', /tokens$/),
      stored: () => tokens.length,
      seed: (name) => void seed(name),
      empty: () => void tokens.splice(0),
    },
  );
}
