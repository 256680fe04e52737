/** A service in JSON:API form. Cluvio publishes no such operations: everything but that form is made up, as in the example. */
import { to } from '../mishaps.ts';
import type { Reply } from '../vendor-server.ts';
import { type ExampleFake, hex, type RouteCall, startExample } from './example.ts';

interface ApiKey {
  id: string;
  type: 'apiKey';
  attributes: {
    name: string;
    type: 'View' | 'Manage';
    permissions: string[];
    apiVersion: string;
    active: boolean;
    createdAt: string;
  };
}

const kind = 'application/vnd.api+json';
const collection = /^\/v1\/api-keys$/;
const one = /^\/v1\/api-keys\/([^/]+)$/;
/** More than one page in every test that lists several. */
const pageLimit = 2;

export async function cluvioFake(): Promise<ExampleFake> {
  const keys: ApiKey[] = [];
  const credential = hex(40);

  function seed(name: string, attributes: Partial<ApiKey['attributes']> = {}): ApiKey {
    const createdAt = new Date(1_760_000_000_000 + keys.length * 1_000).toISOString();
    const usual = {
      name,
      type: 'View' as const,
      permissions: [],
      apiVersion: '2024-06-01',
      active: true,
      createdAt,
    };
    const key: ApiKey = { id: hex(16), type: 'apiKey', attributes: { ...usual, ...attributes } };
    keys.push(key);
    return key;
  }

  function given({ body, parts: [id], complain }: RouteCall): Record<string, unknown> {
    const { type, id: itsId, attributes } = (body.data ?? {}) as Record<string, unknown>;
    if (type !== 'apiKey') complain('a resource has its type');
    if (id !== undefined && itsId !== id) complain('a resource that is changed has its id');
    return (attributes ?? {}) as Record<string, unknown>;
  }

  function problem(attributes: Record<string, unknown>, self?: ApiKey): Reply | null {
    const { name, type, permissions = [] } = attributes;
    if (name === '') return failure(422, 'name can not be blank');
    if (keys.some((key) => key !== self && key.attributes.name === name))
      return failure(409, 'name is taken');
    if (type !== undefined && type !== 'View' && type !== 'Manage')
      return failure(422, 'type is View or Manage');
    const view = (type ?? self?.attributes.type) === 'View';
    const allowed = (permissions as string[]).every(
      (each) => /^[\w.]+\.\w+$/.test(each) && (!view || /\.(view|list)$/.test(each)),
    );
    return allowed ? null : failure(422, 'a View key holds view permissions only');
  }

  const found = ({ parts: [id] }: RouteCall) => keys.find((key) => key.id === id);
  const missing = () => failure(404, 'no such key');

  return startExample(
    [
      {
        method: 'GET',
        path: collection,
        query: ['page[size]', 'page[after]'],
        answer: ({ query }) => {
          const from = Number(query.get('page[after]') ?? 0);
          const next =
            from + pageLimit < keys.length ? `/v1/api-keys?page%5Bafter%5D=${from + pageLimit}` : null;
          return ok({ data: keys.slice(from, from + pageLimit), links: { next } });
        },
      },
      {
        method: 'POST',
        path: collection,
        body: ['data'],
        answer: (call) => {
          const attributes = given(call);
          const wrong = problem(attributes);
          if (wrong) return wrong;
          if (attributes.apiVersion !== undefined && attributes.apiVersion !== '2024-06-01')
            return failure(422, 'there is no such API version');
          const key = seed(String(attributes.name), attributes);
          return ok({ data: { ...key, attributes: { ...key.attributes, secret: hex(40) } } }, 201);
        },
      },
      {
        method: 'GET',
        path: one,
        answer: (call) => {
          const key = found(call);
          return key ? ok({ data: key }) : missing();
        },
      },
      {
        method: 'PATCH',
        path: one,
        body: ['data'],
        answer: (call) => {
          const key = found(call);
          if (!key) return missing();
          const attributes = given(call);
          const wrong = problem(attributes, key);
          if (wrong) return wrong;
          Object.assign(key.attributes, attributes);
          return ok({ data: key });
        },
      },
      {
        method: 'DELETE',
        path: one,
        answer: (call) => {
          const key = found(call);
          if (!key) return missing();
          keys.splice(keys.indexOf(key), 1);
          return { status: 204 };
        },
      },
    ],
    ({ headers, body }, complain) => {
      if (headers.accept !== kind || (body !== undefined && headers['content-type'] !== kind))
        complain(`${kind} is what goes both ways`);
      return headers.authorization === `Bearer ${credential}` ? null : failure(401, 'not authenticated');
    },
    {
      credential,
      base: '/v1',
      mint: to('POST', /api-keys$/),
      list: to('GET', /api-keys$/),
      template: { type: 'view' },
      stored: () => keys.length,
      seed: (name) => void seed(name),
      empty: () => void keys.splice(0),
    },
  );
}

function ok(body: object, status = 200): Reply {
  return { status, headers: { 'content-type': kind }, body };
}

function failure(status: number, detail: string): Reply {
  return {
    status,
    headers: { 'content-type': kind },
    body: { errors: [{ status: String(status), detail }] },
  };
}
