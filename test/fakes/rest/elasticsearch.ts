/** Elasticsearch's API keys, from x-pack/docs/en/rest-api/security and the guide to invalidating keys. */
import { to } from '../mishaps.ts';
import type { Reply } from '../vendor-server.ts';
import { type ExampleFake, hex, type RouteCall, startExample, textIn } from './example.ts';

interface ApiKey {
  id: string;
  name: string;
  creation: number;
  expiration?: number;
  invalidated: boolean;
  username: string;
  realm: string;
  metadata: Record<string, unknown>;
}

const route = /^\/_security\/api_key$/;

export async function elasticsearchFake(): Promise<ExampleFake> {
  const keys: ApiKey[] = [];
  const credential = `elastic:${hex(20)}`;

  function seed(name: string, key: Partial<ApiKey> = {}): ApiKey {
    const made = {
      id: hex(20),
      name,
      creation: 1_760_000_000_000 + keys.length * 1_000,
      invalidated: false,
      username: 'elastic',
      realm: 'reserved',
      metadata: {},
      ...key,
    };
    keys.push(made);
    return made;
  }

  function create({ body }: RouteCall): Reply {
    const name = textIn(body, 'name');
    if (!name) return failure(400, 'api key name is required');
    const [, amount] = /^(\d+)s$/.exec(textIn(body, 'expiration') ?? '') ?? [];
    if (body.expiration !== undefined && amount === undefined)
      return failure(
        400,
        `failed to parse setting [expiration] with value [${body.expiration}] as a time value`,
      );
    const metadata = (body.metadata ?? {}) as Record<string, unknown>;
    if (Object.keys(metadata).some((label) => label.startsWith('_')))
      return failure(400, 'metadata keys may not start with [_]');
    const expiration = amount === undefined ? {} : { expiration: Date.now() + Number(amount) * 1_000 };
    const { id } = seed(name, { ...expiration, metadata });
    const apiKey = hex(22);
    const encoded = Buffer.from(`${id}:${apiKey}`).toString('base64');
    return { status: 200, body: { id, name, ...expiration, api_key: apiKey, encoded } };
  }

  return startExample(
    [
      {
        method: 'GET',
        path: route,
        query: ['owner'],
        answer: () => ({ status: 200, body: { api_keys: keys } }),
      },
      {
        method: 'POST',
        path: route,
        body: ['name', 'expiration', 'metadata', 'role_descriptors'],
        answer: create,
      },
      {
        method: 'DELETE',
        path: route,
        body: ['ids', 'name', 'realm_name', 'username', 'owner'],
        answer: ({ body: { ids }, complain }) => {
          if (!Array.isArray(ids) || ids.length !== 1) complain('one key is ended at a time, by its id');
          const key = keys.find(({ id }) => (ids as string[]).includes(id));
          const before = key?.invalidated;
          if (key) key.invalidated = true;
          return {
            status: 200,
            body: {
              invalidated_api_keys: key && !before ? [key.id] : [],
              previously_invalidated_api_keys: before ? [key?.id] : [],
              error_count: 0,
            },
          };
        },
      },
    ],
    ({ headers }) =>
      headers.authorization === `Basic ${Buffer.from(credential).toString('base64')}`
        ? null
        : failure(401, 'missing authentication credentials for REST request [/_security/api_key]'),
    {
      credential,
      mint: to('POST', /api_key$/),
      list: to('GET', /api_key$/),
      stored: () => keys.filter(({ invalidated }) => !invalidated).length,
      seed: (name) => void seed(name),
      empty: () => void keys.splice(0),
    },
  );
}

function failure(status: number, reason: string): Reply {
  const type = status === 401 ? 'security_exception' : 'illegal_argument_exception';
  return { status, body: { error: { root_cause: [{ type, reason }], type, reason }, status } };
}
