/** Gitea's access tokens, from routers/api/v1/user/app.go; a password is asked for, as Forgejo's documentation says. */
import { to } from '../mishaps.ts';
import type { Reply } from '../vendor-server.ts';
import { type ExampleFake, hex, pageOf, startExample, textIn } from './example.ts';

interface Token {
  id: number;
  name: string;
  sha1: string;
  token_last_eight: string;
  scopes: string[];
}

const collection = /^\/api\/v1\/users\/alice\/tokens$/;
const scopeForm = /^(all|(read|write):[a-z-]+)$/;

export async function giteaFake(): Promise<ExampleFake> {
  const tokens: Token[] = [];
  const credential = `alice:${hex(16)}`;
  let nextId = 1;

  function seed(name: string, sha1 = hex(40), scopes = ['all']): Token {
    const token = { id: nextId++, name, sha1: '', token_last_eight: sha1.slice(-8), scopes };
    tokens.push(token);
    return token;
  }

  return startExample(
    [
      {
        method: 'GET',
        path: collection,
        query: ['page', 'limit'],
        answer: ({ query }) => ({
          status: 200,
          headers: { 'x-total-count': String(tokens.length) },
          body: pageOf(tokens, query.get('page'), query.get('limit'), 30, 50),
        }),
      },
      {
        method: 'POST',
        path: collection,
        body: ['name', 'scopes'],
        answer: ({ body }): Reply => {
          const name = textIn(body, 'name');
          if (!name) return failure(422, '[Name]: Required');
          if (tokens.some((token) => token.name === name))
            return failure(400, 'access token name has been used already');
          const scopes = (body.scopes ?? []) as string[];
          if (scopes.length === 0 || !scopes.every((scope) => scopeForm.test(scope)))
            return failure(400, 'invalid access token scope');
          const sha1 = hex(40);
          return { status: 201, body: { ...seed(name, sha1, scopes), sha1 } };
        },
      },
      {
        method: 'DELETE',
        path: /^\/api\/v1\/users\/alice\/tokens\/([^/]+)$/,
        answer: ({ parts: [id = ''], complain }) => {
          if (!/^\d+$/.test(id)) complain('a token is deleted by name, and names repeat');
          const index = tokens.findIndex((token) => String(token.id) === id);
          if (index < 0) return failure(404, "The target couldn't be found.");
          tokens.splice(index, 1);
          return { status: 204 };
        },
      },
    ],
    ({ headers }) =>
      headers.authorization === `Basic ${Buffer.from(credential).toString('base64')}`
        ? null
        : failure(401, 'auth required'),
    {
      credential,
      base: '/api/v1',
      settings: { user: 'alice' },
      mint: to('POST', /tokens$/),
      list: to('GET', /tokens$/),
      template: { permissions: ['read:repository'] },
      stored: () => tokens.length,
      seed: (name) => void seed(name),
      empty: () => void tokens.splice(0),
    },
  );
}

function failure(status: number, message: string): Reply {
  return { status, body: { message, url: 'https://gitea.example/api/swagger' } };
}
