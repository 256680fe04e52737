import { KeysError } from '../errors.ts';
import { Secret } from '../secret.ts';
import { type Api, type ApiAnswer, lazyApi, openApi, recordOf, textOf, tokenFrom } from './api.ts';
import { failing, invalidTarget } from './failure.ts';
import type { DestinationContext, DestinationKind } from './index.ts';

interface Variable {
  /** `null` where GitLab hides it. */
  readonly value: string | null;
  readonly hidden: boolean;
}

/**
 * Wire facts: "Project-level CI/CD variables API" (docs.gitlab.com/api/project_level_variables): GET, PUT
 * /projects/:id/variables/:key with `filter[environment_scope]`, POST /projects/:id/variables; `masked`, `raw`, `protected`, `hidden`; 400
 * with `message.key` when the name is taken. Masking rules: "GitLab CI/CD variables, Mask a CI/CD variable". The scopes of a token:
 * GET /personal_access_tokens/self.
 */
export const gitlabVariable: DestinationKind = {
  name: 'gitlab-variable',
  syntax: 'gitlab-variable:PROJECT#NAME',
  summary: 'a CI/CD variable of a GitLab project, masked',
  example: 'keys rotate ci-deploy --to gitlab-variable:acme/shop#DEPLOY_TOKEN',
  detail:
    'PROJECT is the path or the number of the project. Needs a token with the scope api and the role Maintainer in GITLAB_TOKEN; a CI_JOB_TOKEN may ' +
    'not do this. The variable is masked and never expanded; a new one is for all environments and not protected, an existing one keeps its ' +
    'protection and description. GitLab masks secrets of at least 8 characters without spaces or line breaks; another is refused. GITLAB_URL, or ' +
    'else CI_SERVER_URL, names another GitLab than gitlab.com.',
  readable: true,
  open(target, context) {
    const hash = target.lastIndexOf('#');
    const project = target.slice(0, Math.max(0, hash));
    const name = target.slice(hash + 1);
    if (!/^(\d+|[\w.-]+(\/[\w.-]+)+)$/.test(project)) {
      throw invalidTarget(gitlabVariable, 'gitlab-variable: needs a project and a name');
    }
    if (!/^[A-Za-z0-9_]{1,255}$/.test(name)) {
      throw invalidTarget(
        gitlabVariable,
        `'${name}' is no name for a variable: at most 255 letters, digits and _`,
      );
    }
    const variables = ['projects', project, 'variables'];
    const scope = { 'filter[environment_scope]': '*' };
    const api = lazyApi(() => openGitLab(context));
    let hidden = false;

    async function find(): Promise<Variable | null> {
      const gitlab = await api.use();
      const answer = await gitlab.call({
        method: 'GET',
        path: [...variables, name],
        query: scope,
        effect: 'read',
        answers: [200, 404],
      });
      if (answer.status === 404) {
        // The same status stands for a project that is not there; to a list of variables it is an error.
        const query = { per_page: 1 };
        await gitlab.call({ method: 'GET', path: variables, query, effect: 'read', answers: [200] });
        return null;
      }
      const found = answer.fields();
      hidden = found.hidden === true;
      return { value: textOf(found.value), hidden };
    }

    return {
      spec: `gitlab-variable:${target}`,
      get readable() {
        return !hidden;
      },
      async preflight() {
        await find();
        const gitlab = await api.use();
        const self = await gitlab.call({
          method: 'GET',
          path: ['personal_access_tokens', 'self'],
          effect: 'read',
          // Other kinds of tokens cannot ask this.
          answers: [200, 400, 401, 403, 404],
        });
        if (self.status !== 200) return;
        const { scopes } = self.anyFields;
        if (Array.isArray(scopes) && !scopes.includes('api')) {
          throw new KeysError(
            'forbidden',
            'GitLab: the token may read but not write, as it lacks the scope api',
            { hint: refused },
          );
        }
      },
      async deliver(secret) {
        await failing(`GitLab (${project})`, async () => {
          const value = secret.reveal();
          if (!/^\S{8,}$/.test(value)) {
            throw new KeysError(
              'invalid',
              'GitLab cannot mask it: it masks 8 characters and more, without spaces or line breaks',
            );
          }
          const gitlab = await api.use();
          const body = { value, masked: true, raw: true };
          if ((await find()) === null) {
            const made = await gitlab.call({
              method: 'POST',
              path: variables,
              body: { key: name, ...body, environment_scope: '*' },
              effect: 'set',
              answers: [201, 400],
            });
            if (made.status === 201) return requireWritten(made, value);
            // Made meanwhile, by somebody else or by our own first attempt.
            if (recordOf(made.fields().message).key === undefined) throw made.refusal();
          }
          const put = { method: 'PUT', path: [...variables, name], query: scope } as const;
          requireWritten(await gitlab.call({ ...put, body, effect: 'set', answers: [200] }), value);
        });
      },
      async readBack() {
        const found = await find();
        if (found?.hidden)
          throw new KeysError(
            'unsupported',
            `GitLab: the variable ${name} is hidden, and cannot be read back`,
          );
        return found?.value ? context.redactor.know(new Secret(found.value)) : null;
      },
      abandon: () => api.close(),
    };
  },
};

/** GitLab answers with the variable as it is now. */
function requireWritten(answer: ApiAnswer, value: string): void {
  const { key, value: now } = answer.fields();
  if (textOf(key) !== null && (now === value || now === null)) return;
  throw new KeysError('bad_response', `GitLab answered ${answer.status}, and not with the new variable`);
}

const refused = 'GITLAB_TOKEN needs the scope api and the role Maintainer in the project';

function openGitLab(context: DestinationContext): Promise<Api> {
  const { env } = context;
  const base = env.GITLAB_URL || env.CI_SERVER_URL || 'https://gitlab.com';
  return openApi(context, {
    name: 'GitLab',
    baseUrl: `${base.replace(/\/+$/, '')}/api/v4`,
    headers: { 'private-token': tokenFrom(context, ['GITLAB_TOKEN'], refused) },
    reasonOf: ({ message, error }) =>
      textOf(message) ?? textOf(error) ?? (message === undefined ? null : JSON.stringify(message)),
    hints: { refused, address: 'check GITLAB_URL, and the proxy' },
  });
}
