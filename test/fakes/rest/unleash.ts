/** Unleash's API tokens, from the source of unleash-server 7.5.1 and what a running 8.2.0 answered. */
import { to } from '../mishaps.ts';
import type { Reply } from '../vendor-server.ts';
import { type ExampleFake, hex, type RouteCall, startExample, textIn } from './example.ts';

interface Token {
  secret: string;
  tokenName: string;
  type: string;
  environment: string;
  projects: string[];
  expiresAt: string | null;
  createdAt: string;
}

export interface UnleashFake extends ExampleFake {
  /** Keeps no secrets, and shows what begins the second part of one in their place. */
  secureStorage: boolean;
  readonly tokens: readonly Token[];
}

export async function unleashFake(): Promise<UnleashFake> {
  const tokens: Token[] = [];
  const credential = `*:*.${hex(48)}`;

  function seed(tokenName: string, token: Partial<Token> = {}): Token {
    const environment = token.environment ?? 'development';
    const secret = fake.secureStorage ? `v2_${hex(22)}_${hex(43)}` : hex(56);
    const made: Token = {
      secret: `default:${environment}.${secret}`,
      tokenName,
      type: 'client',
      environment,
      projects: ['default'],
      expiresAt: null,
      createdAt: new Date(1_760_000_000_000 + tokens.length * 1_000).toISOString(),
      ...token,
    };
    tokens.push(made);
    return made;
  }

  function create({ body }: RouteCall): Reply {
    const { tokenName, type, expiresAt, projects = ['*'] } = body;
    if (typeof tokenName !== 'string' || tokenName.trim() === '')
      return failure(400, '"tokenName" is required');
    const kind = typeof type === 'string' ? type.toLowerCase() : '';
    if (!['client', 'backend', 'frontend'].includes(kind))
      return failure(400, '"type" does not match any of the allowed types');
    const token = seed(tokenName, {
      // Backend tokens are called client ones everywhere but here.
      type: kind === 'backend' && !fake.secureStorage ? 'client' : kind,
      environment: textIn(body, 'environment') ?? 'development',
      projects: projects as string[],
      expiresAt: typeof expiresAt === 'string' ? new Date(expiresAt).toISOString() : null,
    });
    const answer = {
      ...token,
      type: kind,
      alias: null,
      project: token.projects[0],
      secure: fake.secureStorage,
    };
    return { status: 201, headers: { location: 'api-tokens' }, body: answer };
  }

  function shown({ secret }: Token): string {
    return fake.secureStorage ? secret.slice(secret.indexOf('.v2_') + 4).slice(0, 22) : secret;
  }

  function isNamed(token: Token, name = ''): boolean {
    return token.secret === name || shown(token) === name;
  }

  const example = await startExample(
    [
      {
        method: 'GET',
        path: /^\/api\/admin\/api-tokens$/,
        answer: () => ({
          status: 200,
          body: {
            tokens: tokens.map((token) => ({
              ...token,
              secret: shown(token),
              secure: fake.secureStorage,
              alias: null,
              project: token.projects[0],
              seenAt: null,
            })),
          },
        }),
      },
      {
        method: 'POST',
        path: /^\/api\/admin\/api-tokens$/,
        body: ['tokenName', 'type', 'environment', 'projects', 'expiresAt'],
        answer: create,
      },
      {
        method: 'PUT',
        path: /^\/api\/admin\/api-tokens\/([^/]+)$/,
        body: ['expiresAt'],
        answer: ({ parts: [secret], body: { expiresAt } }) => {
          if (typeof expiresAt !== 'string') return failure(400, '"expiresAt" is required');
          const token = tokens.find((each) => isNamed(each, secret));
          if (token) token.expiresAt = new Date(expiresAt).toISOString();
          return { status: 200 };
        },
      },
      {
        method: 'DELETE',
        path: /^\/api\/admin\/api-tokens\/([^/]+)$/,
        answer: ({ parts: [secret], complain }) => {
          const index = tokens.findIndex((token) => isNamed(token, secret));
          // The service answers 200; a client that knows what it does has looked before.
          if (index < 0) complain('a token is deleted that is not there');
          else tokens.splice(index, 1);
          return { status: 200 };
        },
      },
    ],
    ({ headers: { authorization } }) =>
      [credential, `Bearer ${credential}`].includes(authorization ?? '')
        ? null
        : failure(401, 'You must log in to use Unleash.'),
    {
      credential,
      mint: to('POST', /api-tokens$/),
      list: to('GET', /api-tokens$/),
      template: { roles: ['frontend'] },
      stored: () => tokens.length,
      seed: (name) => void seed(name),
      empty: () => void tokens.splice(0),
    },
  );
  const fake: UnleashFake = Object.assign(example, { tokens, secureStorage: false });
  return fake;
}

function failure(status: number, message: string): Reply {
  return {
    status,
    body: { id: hex(32), name: 'BadDataError', message: 'Request validation failed', details: [{ message }] },
  };
}
