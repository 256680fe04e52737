/** Keystone's application credentials, from its API reference (@30ef2ff) and what a running 22.0.2 answered. */
import { to } from '../mishaps.ts';
import type { Reply } from '../vendor-server.ts';
import { type ExampleFake, hex, type RouteCall, startExample, textIn } from './example.ts';

interface Credential {
  id: string;
  name: string;
  description: string | null;
  roles: { id: string; name: string }[];
  expires_at: string | null;
}

const roleNames = ['admin', 'member', 'reader'];
const collection = /^\/v3\/users\/u1\/application_credentials$/;
const one = /^\/v3\/users\/u1\/application_credentials\/([^/]+)$/;

export async function keystoneFake(): Promise<ExampleFake> {
  const credentials: Credential[] = [];
  const credential = `gAAAA${hex(80)}`;

  function seed(name: string, given: Partial<Credential> = {}): Credential {
    const made = {
      id: hex(32),
      name,
      description: null,
      roles: rolesNamed(roleNames),
      expires_at: null,
      ...given,
    };
    credentials.push(made);
    return made;
  }

  function shown(made: Credential) {
    return {
      ...made,
      project_id: 'p1',
      unrestricted: null,
      links: { self: `http://keystone/v3/…/${made.id}` },
    };
  }

  function create({ body, complain }: RouteCall): Reply {
    const given = body.application_credential as Record<string, unknown>;
    const known = ['name', 'description', 'expires_at', 'roles', 'unrestricted', 'secret', 'access_rules'];
    const extra = Object.keys(given).filter((field) => !known.includes(field));
    if (extra.length > 0) complain(`there is no ${extra} in an application credential`);
    const name = textIn(given, 'name') ?? '';
    if (name === '') return failure(400, "'name' is a required property");
    if (credentials.some((each) => each.name === name))
      return failure(
        409,
        `Conflict occurred attempting to store application_credential - Duplicate entry found with name ${name}.`,
      );
    const roles =
      (given.roles as { name?: string }[] | undefined)?.map((role) => role.name ?? '') ?? roleNames;
    const unknown = roles.find((role) => !roleNames.includes(role));
    if (unknown !== undefined) return failure(404, `Role ${unknown} is not defined`);
    const expires = textIn(given, 'expires_at') ?? null;
    const form = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z?$/;
    if (expires !== null && (!form.test(expires) || Date.parse(`${expires.replace('Z', '')}Z`) <= Date.now()))
      return failure(400, 'The expires time must not be before now.');
    const made = seed(name, {
      description: textIn(given, 'description') ?? null,
      roles: rolesNamed(roles),
      expires_at: expires && `${new Date(`${expires.replace('Z', '')}Z`).toISOString().slice(0, -1)}000`,
    });
    return { status: 201, body: { application_credential: { ...shown(made), secret: hex(86) } } };
  }

  const found = ({ parts: [id] }: RouteCall) => credentials.find((each) => each.id === id);
  const missing = ({ parts: [id] }: RouteCall) =>
    failure(404, `Could not find Application Credential: ${id}.`);

  return startExample(
    [
      {
        method: 'GET',
        path: collection,
        answer: () => ({
          status: 200,
          body: {
            application_credentials: credentials.map(shown),
            links: { next: null, self: 'x', previous: null },
          },
        }),
      },
      { method: 'POST', path: collection, body: ['application_credential'], answer: create },
      {
        method: 'GET',
        path: one,
        answer: (call) => {
          const made = found(call);
          return made ? { status: 200, body: { application_credential: shown(made) } } : missing(call);
        },
      },
      {
        method: 'DELETE',
        path: one,
        answer: (call) => {
          const made = found(call);
          if (!made) return missing(call);
          credentials.splice(credentials.indexOf(made), 1);
          return { status: 204 };
        },
      },
    ],
    ({ headers }) =>
      headers['x-auth-token'] === credential
        ? null
        : failure(401, 'The request you have made requires authentication.'),
    {
      credential,
      base: '/v3',
      settings: { user: 'u1' },
      mint: to('POST', /application_credentials$/),
      list: to('GET', /application_credentials$/),
      stored: () => credentials.length,
      seed: (name) => void seed(name),
      empty: () => void credentials.splice(0),
    },
  );
}

function rolesNamed(names: readonly string[]) {
  return names.map((name) => ({ id: `role-${name}`, name }));
}

function failure(code: number, message: string): Reply {
  return { status: code, body: { error: { code, message, title: 'Error' } } };
}
