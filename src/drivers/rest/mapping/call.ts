/** A call of the service, and which placeholders may stand where. */
import * as z from 'zod/mini';
import { changes, fields } from '../any.ts';
import { pathProblem, type Template, templateProblem } from '../template.ts';
import { about, inAnswer, mustBeText } from './terms.ts';

export const settingVariables = ['setting.'] as const;
const idVariables = ['id', 'version', 'current', ...settingVariables] as const;
export const newKeyVariables = ['name', 'role', ...fields] as const;
export const changeVariables = ['role', ...changes] as const;
export const pageVariables = ['page', 'offset', 'limit', 'cursor'] as const;
/** Never in an address, which is shown. */
export const secretVariables = ['credential', 'credential.user', 'credential.password'] as const;

interface Places {
  readonly path: readonly string[];
  readonly query?: readonly string[];
  readonly body: readonly string[];
  readonly headers?: readonly string[];
}

export function templateOf(allowed: readonly string[]): z.ZodMiniType<Template> {
  const template: z.ZodMiniType<Template> = z.lazy(() =>
    z.union(
      [
        checkedTemplate(allowed),
        z.number(),
        z.boolean(),
        z.null(),
        z.array(template),
        z.record(z.string(), template).check((context) => {
          const [only, ...others] = Object.entries(context.value);
          if (!only || others.length > 0 || only[1] !== null || !allowed.includes(only[0])) return;
          // What YAML makes of {name} without quotes.
          const message = `: {${only[0]}} needs quotes: '{${only[0]}}'`;
          context.issues.push({ code: 'custom', input: context.value, message });
        }),
      ],
      'must be a value, a list or a map',
    ),
  );
  return template;
}

/** A template of what an address can say. */
function queryValueOf(allowed: readonly string[]) {
  return templateOf(allowed).check((context) => {
    const { value } = context;
    if ([value].flat().every((each) => each !== null && typeof each !== 'object')) return;
    const message = 'must be text, a number, true or false, or a list of those';
    context.issues.push({ code: 'custom', input: value, message });
  });
}

export function checkedTemplate(allowed: readonly string[]) {
  return z.string().check((context) => {
    const wrong = templateProblem(context.value, allowed);
    if (wrong) context.issues.push({ code: 'custom', input: context.value, message: `: ${wrong}` });
  });
}

export function callShape({ path, query = path, body, headers = body }: Places) {
  return {
    method: z
      .string({ error: mustBeText })
      .check(z.regex(/^[A-Z]{1,20}$/, 'must be a method such as GET or POST'), about('the HTTP method')),
    path: z
      .string({ error: mustBeText })
      .check(
        about("the path below the service's URL; the value of each {placeholder} is encoded"),
        (context) => {
          const wrong = pathProblem(context.value, path);
          if (wrong) context.issues.push({ code: 'custom', input: context.value, message: `: ${wrong}` });
        },
      ),
    query: z.optional(
      z
        .record(z.string(), queryValueOf(query), 'must be values by name')
        .check(about('the query by name; what has no value is left out')),
    ),
    headers: z.optional(
      z
        .record(headerName, checkedTemplate(headers), 'must be texts by name')
        .check(about('headers of this call')),
    ),
    body: z.optional(
      templateOf(body).check(about('the JSON body, with placeholders; fields without a value are left out')),
    ),
    success: z.optional(
      z
        .array(
          z.int('must be a status').check(z.gte(200, 'must be 200 to 299'), z.lte(299, 'must be 200 to 299')),
          'must be a list of statuses',
        )
        .check(z.minLength(1, 'must not be empty'), about('the statuses of success; every 2xx when absent')),
    ),
  };
}

export const headerName = z.string().check(
  z.regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/, 'is no name of a header'),
  z.refine(
    (name) => !['authorization', 'host', 'content-length', 'transfer-encoding'].includes(name.toLowerCase()),
    'is no header to set here; the credential belongs into auth',
  ),
);

export const answeredKey = inAnswer('where the key is in the answer; without it, the key is read again');

/** A call that asks for or changes one key. */
export function idCall<T extends z.core.$ZodLooseShape>(shape: T, more: readonly string[] = []) {
  return z.optional(
    z.strictObject(
      {
        ...callShape({
          path: ['id', ...settingVariables],
          body: [...idVariables, ...more, ...secretVariables],
          headers: ['version', ...settingVariables],
        }),
        ...shape,
      },
      'must be a call: at least a method and a path',
    ),
  );
}
