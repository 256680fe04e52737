/**
 * GitLab's CI/CD variables of one project on a loopback port, after "Project-level CI/CD variables API", "Personal access tokens API" and the
 * masking rules of "GitLab CI/CD variables" (docs.gitlab.com).
 */
import { json, type Reply, scriptedService } from '../wire.ts';

export interface GitLabVariable {
  variable_type: 'env_var' | 'file';
  key: string;
  value: string | null;
  hidden: boolean;
  protected: boolean;
  masked: boolean;
  raw: boolean;
  environment_scope: string;
  description: string | null;
}

export interface FakeGitLab {
  readonly url: string;
  readonly token: string;
  readonly variables: GitLabVariable[];
  readonly scopes: string[];
  readonly asked: readonly { method: string; url: string; body: string }[];
  readonly next: (Reply | null)[];
  add(variable: Partial<GitLabVariable>): GitLabVariable;
}

export async function fakeGitLab(): Promise<FakeGitLab> {
  const token = 'glpat-test0123456789';
  const variables: GitLabVariable[] = [];
  const scopes = ['api'];
  const next: (Reply | null)[] = [];
  const service = await scriptedService((response, asked) =>
    (next.shift() ?? answer(asked))(response, asked),
  );

  function answer({ method, url, headers, body }: Parameters<Reply>[1]): Reply {
    if (headers['private-token'] !== token) return json(401, { message: '401 Unauthorized' });
    const { pathname, searchParams } = new URL(url, service.url);
    if (pathname === '/api/v4/personal_access_tokens/self')
      return json(200, { id: 4, name: 'keys', scopes, active: true });
    const [, id, key] = /^\/api\/v4\/projects\/([^/]+)\/variables(?:\/([^/]+))?$/.exec(pathname) ?? [];
    if (id !== 'acme%2Fshop' && id !== '42') return json(404, { message: '404 Project Not Found' });
    if (method !== 'GET' && !scopes.includes('api')) {
      return json(403, {
        error: 'insufficient_scope',
        error_description: 'The request requires higher privileges',
      });
    }
    if (key === undefined) {
      if (method === 'GET') return json(200, variables.slice(0, Number(searchParams.get('per_page') ?? 20)));
      return method === 'POST' ? create(body) : json(405, { error: '405 Not Allowed' });
    }
    const scope = searchParams.get('filter[environment_scope]');
    const found = variables.filter(
      (each) => each.key === key && (scope === null || each.environment_scope === scope),
    );
    if (found.length > 1) {
      return json(409, {
        message:
          "There are multiple variables with provided parameters. Please use 'filter[environment_scope]'",
      });
    }
    const [variable] = found;
    if (!variable) return json(404, { message: '404 Variable Not Found' });
    if (method === 'GET') return json(200, variable.hidden ? { ...variable, value: null } : variable);
    if (method !== 'PUT') return json(405, { error: '405 Not Allowed' });
    const changes = JSON.parse(body) as Partial<GitLabVariable>;
    const problem = problemOf({ ...variable, ...changes });
    if (problem) return problem;
    Object.assign(variable, changes);
    return json(200, variable.hidden ? { ...variable, value: null } : variable);
  }

  function create(body: string): Reply {
    const sent = JSON.parse(body) as Partial<GitLabVariable>;
    const scope = sent.environment_scope ?? '*';
    if (variables.some(({ key, environment_scope }) => key === sent.key && environment_scope === scope)) {
      return json(400, { message: { key: [`(${sent.key}) has already been taken`] } });
    }
    const problem = problemOf(sent);
    if (problem) return problem;
    return json(201, add(sent));
  }

  function problemOf({ key = '', value = '', masked }: Partial<GitLabVariable>): Reply | null {
    if (!/^[A-Za-z0-9_]{1,255}$/.test(key))
      return json(400, { message: { key: ["can contain only letters, digits and '_'."] } });
    return masked && !/^\S{8,}$/.test(value ?? '') ? json(400, { message: { value: ['is invalid'] } }) : null;
  }

  function add(variable: Partial<GitLabVariable>): GitLabVariable {
    const whole: GitLabVariable = {
      variable_type: 'env_var',
      key: 'TOKEN',
      value: '',
      hidden: false,
      protected: false,
      masked: false,
      raw: false,
      environment_scope: '*',
      description: null,
      ...variable,
    };
    variables.push(whole);
    return whole;
  }

  return { url: service.url, token, variables, scopes, asked: service.asked, next, add };
}
