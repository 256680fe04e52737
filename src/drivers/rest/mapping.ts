/**
 * What a mapping file may say; `schemas/rest-mapping.json` is made from it, so every field has its description here. Messages
 * continue a sentence that begins with the place.
 */
import * as z from 'zod/mini';
import { urlProblem } from '../../config.ts';
import { parseDuration } from '../../time.ts';
import { expressionProblem } from './expression.ts';
import { pathProblem, type Template, templateProblem, variablesOf } from './template.ts';
import { timeFormats } from './times.ts';

const about = z.describe;

function mustBeText({ input }: { input?: unknown }): string {
  return input === undefined ? 'is missing' : 'must be text; put quotes around it';
}

/** Text of which `problem` says what is wrong, or null. */
function checked(problem: (text: string) => string | null) {
  return z.string({ error: mustBeText }).check(z.minLength(1, 'must not be empty'), (context) => {
    const wrong = problem(context.value);
    if (wrong) context.issues.push({ code: 'custom', input: context.value, message: `: ${wrong}` });
  });
}

const text = checked(() => null);
const scalar = z.union(
  [z.string(), z.number(), z.boolean(), z.null()],
  'must be a text, a number, true, false or null',
);
const expression = checked((given) => {
  const wrong = expressionProblem(given);
  return wrong && `'${given}' is no JMESPath expression: ${wrong}`;
});

function oneOf<const T extends readonly string[]>(values: T) {
  return z.enum(values, `must be one of ${values.join(', ')}`);
}

const fieldForm = 'must be a JMESPath expression, or a map that has it as `from`';

/** A map of these fields; text alone stands for its `from`. */
function fieldOf<T extends z.core.$ZodLooseShape>(shape: T) {
  return z.union(
    [
      expression,
      z.strictObject(
        {
          from: z.optional(expression.check(about('where it is in a key of the answer, as JMESPath'))),
          ...shape,
        },
        fieldForm,
      ),
    ],
    fieldForm,
  );
}

const constant = z.optional(scalar.check(about('what it always is, on a service that does not say it')));

const values = z.optional(
  z
    .record(
      z.string(),
      z.union([scalar, z.array(scalar)], 'must be a value, or a list of values'),
      'must be values of the service by the word that keys uses',
    )
    .check(about('what the service says for each word that keys uses; of a list, the first is what is sent')),
);

const plainField = fieldOf({ constant });
const wordField = fieldOf({ constant, values });
const time = z.optional(oneOf(timeFormats).check(about('the form of the time; rfc3339 when absent')));
const never = z.optional(scalar.check(about('what stands for no time at all, such as 0')));
const timeField = fieldOf({ time, never });

const duration = checked((given) => {
  try {
    parseDuration(given);
    return null;
  } catch {
    return `'${given}' is not a duration; write it as 45s, 30m, 12h or 7d`;
  }
});

const keySchema = z.strictObject(
  {
    id: fieldOf({
      pattern: z.optional(
        checked((given) => (isPattern(given) ? null : `'${given}' is no regular expression`)).check(
          about('the form of every id; nothing is asked for another one'),
        ),
      ),
      isSecret: z.optional(
        z
          .boolean('must be true or false')
          .check(about('the service names a key by its secret; users see a hash of it in its place')),
      ),
    }),
    name: z.optional(
      fieldOf({
        constant,
        maxLength: z.optional(
          z
            .int('must be a whole number')
            .check(z.positive('must be positive'), about('how long a name may be; 128 when absent')),
        ),
      }),
    ),
    description: z.optional(plainField),
    namespace: z.optional(plainField),
    owner: z.optional(plainField),
    type: z.optional(wordField),
    roles: z.optional(wordField),
    permissions: z.optional(wordField),
    apiVersion: z.optional(plainField),
    status: z.optional(wordField),
    prefix: z.optional(plainField),
    lastFour: z.optional(plainField),
    createdAt: z.optional(timeField),
    createdBy: z.optional(plainField),
    expiresAt: z.optional(
      fieldOf({
        time,
        never,
        send: z.optional(
          oneOf(timeFormats).check(about('the form in which it is sent, where that is another one')),
        ),
        choices: z.optional(
          z
            .array(duration, 'must be a list of durations')
            .check(z.minLength(1, 'must not be empty'), about('the only lifetimes that the service takes')),
        ),
      }),
    ),
    lastUsedAt: z.optional(timeField),
    rotatedAt: z.optional(timeField),
    labels: z.optional(plainField),
    version: z.optional(
      plainField.check(about('changes with every edit; compared before a change that must not undo another')),
    ),
    extra: z.optional(
      z
        .record(z.string(), expression, 'must be expressions by name')
        .check(about('further fields, shown as they are')),
    ),
  },
  'must be the fields of a key, each with where it is in an answer',
);

const settingVariables = ['setting.'] as const;
const idVariables = ['id', 'version', 'current', ...settingVariables] as const;
const newKeyVariables = [
  'name',
  'description',
  'type',
  'role',
  'roles',
  'permissions',
  'apiVersion',
  'expiresAt',
  'owner',
  'labels',
] as const;
const changeVariables = [
  'name',
  'description',
  'role',
  'roles',
  'permissions',
  'expiresAt',
  'labels',
] as const;
const pageVariables = ['page', 'offset', 'limit', 'cursor'] as const;
/** Never in an address, which is shown. */
const secretVariables = ['credential', 'credential.user', 'credential.password'] as const;

interface Places {
  readonly path: readonly string[];
  readonly query?: readonly string[];
  readonly body: readonly string[];
  readonly headers?: readonly string[];
}

function templateOf(allowed: readonly string[]): z.ZodMiniType<Template> {
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

function checkedTemplate(allowed: readonly string[]) {
  return z.string().check((context) => {
    const wrong = templateProblem(context.value, allowed);
    if (wrong) context.issues.push({ code: 'custom', input: context.value, message: `: ${wrong}` });
  });
}

function callShape({ path, query = path, body, headers = body }: Places) {
  return {
    method: z
      .string('must be text')
      .check(z.regex(/^[A-Z]{1,20}$/, 'must be a method such as GET or POST'), about('the HTTP method')),
    path: z
      .string('must be text')
      .check(
        about("the path below the service's URL; the value of each {placeholder} is encoded"),
        (context) => {
          const wrong = pathProblem(context.value, path);
          if (wrong) context.issues.push({ code: 'custom', input: context.value, message: `: ${wrong}` });
        },
      ),
    query: z.optional(
      z
        .record(z.string(), templateOf(query), 'must be values by name')
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

const headerName = z.string().check(
  z.regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/, 'is no name of a header'),
  z.refine(
    (name) => !['authorization', 'host', 'content-length', 'transfer-encoding'].includes(name.toLowerCase()),
    'is no header to set here; the credential belongs into auth',
  ),
);

const inAnswer = (what: string) => z.optional(expression.check(about(what)));
const answeredKey = inAnswer('where the key is in the answer; without it, the key is read again');

/** A call that asks for or changes one key. */
function idCall<T extends z.core.$ZodLooseShape>(shape: T, more: readonly string[] = []) {
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

const from = z.union(
  [
    expression,
    z.strictObject({
      header: text.check(about('the header that has it; of a Link header, its rel="next"')),
    }),
  ],
  'must be a JMESPath expression, or a map with a header',
);
const total = z.optional(
  from.check(about('how many keys there are in all; a change in between shows by it')),
);
const size = z.optional(
  z
    .int('must be a whole number')
    .check(z.positive('must be positive'), about('how many keys to ask for, as {limit}; 100 when absent')),
);

const paging = z.discriminatedUnion(
  'style',
  [
    z.strictObject({
      style: z.literal('page').check(about('numbered pages, as {page}')),
      start: z.optional(
        z.int('must be a whole number').check(about('the number of the first page; 1 when absent')),
      ),
      size,
      total,
    }),
    z.strictObject({
      style: z.literal('offset').check(about('pages that begin at an {offset}')),
      size,
      total,
    }),
    z.strictObject({
      style: z.literal('cursor').check(about('each answer has the {cursor} of the next page')),
      size,
      next: from,
    }),
    z.strictObject({
      style: z.literal('link').check(about('each answer has the address of the next page, on the same host')),
      size,
      next: from,
    }),
  ],
  'must have a style: page, offset, cursor or link',
);

const codes = [
  'invalid',
  'not_found',
  'unauthenticated',
  'forbidden',
  'conflict',
  'quota_exceeded',
  'changed',
  'unsupported',
  'too_large',
  'rate_limited',
  'unavailable',
] as const;
const status = z
  .int('must be a status')
  .check(z.gte(200, 'must be a status'), z.lte(599, 'must be a status'));

const errorsSchema = z.strictObject(
  {
    message: inAnswer('where the explanation is in an answer that is an error'),
    failed: inAnswer('what is true of an error that comes with a status of success'),
    codes: z.optional(
      z
        .record(
          z.string().check(z.regex(/^[2-5]\d\d$/, 'is no status')),
          oneOf(codes),
          'must be codes by status',
        )
        .check(about('the code of an error by status, where the status means something else than usual')),
    ),
    texts: z.optional(
      z
        .array(
          z.strictObject({
            contains: text.check(about('a part of the explanation, in any case')),
            status: z.optional(status),
            code: oneOf(codes),
            hint: z.optional(text.check(about('what to do about it'))),
          }),
          'must be a list',
        )
        .check(about('codes of errors that only their explanation tells apart; the first that fits')),
    ),
  },
  'must say where errors have their message',
);

const authForm = 'must be bearer, apikey, x-api-key, basic, or a map with a header';
const authSchema = z.union(
  [
    oneOf(['bearer', 'apikey', 'x-api-key', 'basic']).check(
      about('Authorization: Bearer, Authorization: ApiKey, X-API-Key, or a user:password as Basic'),
    ),
    z.strictObject(
      {
        header: headerNameFor(),
        prefix: z.optional(
          z.string({ error: mustBeText }).check(about('what stands before the credential, with its space')),
        ),
      },
      authForm,
    ),
  ],
  authForm,
);

function headerNameFor() {
  return checked((name) => (/^[A-Za-z0-9-]+$/.test(name) ? null : `'${name}' is no name of a header`)).check(
    about('the header that carries the credential'),
  );
}

const fieldNames = [
  'description',
  'type',
  'roles',
  'permissions',
  'apiVersion',
  'expiresAt',
  'owner',
  'labels',
] as const;

export const mappingSchema = z
  .strictObject(
    {
      $schema: z.optional(z.string()),
      title: text.check(about('the name of the service, as people know it')),
      url: z.optional(
        checked(urlProblem).check(about('where the service is for everybody; --url says it for all others')),
      ),
      auth: z.optional(authSchema.check(about('how the credential is sent; bearer when absent'))),
      headers: z.optional(
        z
          .record(headerName, checkedTemplate(settingVariables), 'must be texts by name')
          .check(about('headers of every call')),
      ),
      settings: z.optional(
        z
          .record(
            z.string().check(z.regex(/^[A-Za-z][\w-]*$/, 'is no name of a setting')),
            z.strictObject(
              {
                about: text.check(about('what it means, for a person')),
                default: z.optional(text),
              },
              'must say what it means, as `about`',
            ),
            'must be settings by name',
          )
          .check(about('what a profile says with --set name=value, as {setting.name}')),
      ),
      key: keySchema,
      errors: z.optional(errorsSchema),
      list: z.strictObject(
        {
          ...callShape({
            path: settingVariables,
            query: [...pageVariables, ...settingVariables],
            body: [...pageVariables, ...settingVariables, ...secretVariables],
          }),
          items: inAnswer('where the array of keys is in the answer; the whole answer when absent'),
          paging: z.optional(paging),
        },
        'must be a call: at least a method and a path',
      ),
      get: idCall({ key: inAnswer('where the key is in the answer; the whole answer when absent') }),
      create: z.optional(
        z.strictObject(
          {
            ...callShape({
              path: ['owner', ...settingVariables],
              body: [...newKeyVariables, ...settingVariables, ...secretVariables],
            }),
            key: inAnswer('where the key is in the answer; the whole answer when absent'),
            secret: expression.check(about('where the secret is in the answer')),
            readBack: z.optional(
              z
                .boolean('must be true or false')
                .check(about('the answer has a part of the key only: it is read again')),
            ),
            requires: z.optional(
              z
                .array(oneOf(fieldNames), 'must be a list of fields')
                .check(about('what a new key cannot do without')),
            ),
          },
          'must be a call that makes a key: method, path and where the secret is',
        ),
      ),
      edit: idCall(
        {
          key: answeredKey,
          whole: z.optional(
            z
              .boolean('must be true or false')
              .check(about('the service takes the whole key: what does not change is sent as it is')),
          ),
        },
        changeVariables,
      ),
      disable: idCall({ key: answeredKey }),
      enable: idCall({ key: answeredKey }),
      regenerate: idCall({
        key: answeredKey,
        secret: expression.check(about('where the new secret is in the answer')),
      }),
      revoke: idCall({
        checkFirst: z.optional(
          z
            .boolean('must be true or false')
            .check(about('the service answers success for a key that is not there: look before')),
        ),
        delay: z.optional(duration.check(about('how long a revoked key may still work'))),
      }),
      verify: z.optional(
        z.strictObject(
          {
            ...callShape({
              path: settingVariables,
              body: ['secret', ...settingVariables, ...secretVariables],
              headers: ['secret', ...settingVariables],
            }),
            id: inAnswer('where the id of the key is in the answer'),
            rejects: z.optional(
              z
                .array(status, 'must be a list of statuses')
                .check(about('the statuses of a bad secret; 401 when absent')),
            ),
          },
          'must be a call that a good secret is answered: method and path',
        ),
      ),
      whoami: z.optional(
        z.strictObject(
          {
            ...callShape({ path: settingVariables, body: settingVariables }),
            id: inAnswer('the id of the credential'),
            name: inAnswer('its name'),
            owner: inAnswer('who it belongs to'),
            namespace: inAnswer('where it belongs'),
            roles: inAnswer('its roles'),
          },
          'must be a call: at least a method and a path',
        ),
      ),
      maxActiveKeys: z.optional(z.int('must be a whole number').check(about('how many keys there may be'))),
      instead: z.optional(
        z
          .partialRecord(
            oneOf(['create', 'get', 'edit', 'disable', 'enable', 'regenerate', 'revoke', 'verify', 'whoami']),
            text,
            'must be sentences by verb',
          )
          .check(about('for what the service cannot do: the nearest thing that works, as an instruction')),
      ),
      notes: z.optional(
        z.array(text, 'must be a list of sentences').check(about('what a person should know besides')),
      ),
    },
    'must be a map that has at least title, key and list',
  )
  .check((context) => {
    const { settings = {}, key, ...mapping } = context.value;
    const problem = (message: string, ...path: string[]) =>
      context.issues.push({ code: 'custom', input: context.value, message, path });
    for (const [place, call] of Object.entries(mapping)) {
      const unknown = settingsIn(place === 'headers' ? { headers: call } : call).find(
        (name) => !Object.hasOwn(settings, name.slice('setting.'.length)),
      );
      if (unknown)
        problem(
          `uses {${unknown}}, which is not among the settings; declare it there, with its \`about\``,
          place,
        );
    }
    for (const [name, field] of Object.entries(key)) {
      if (name === 'extra' || typeof field === 'string' || field === undefined) continue;
      const { from, constant } = field as { from?: string; constant?: unknown };
      if (from === undefined && constant === undefined)
        problem('must say where it is, as `from`, or what it is, as `constant`', 'key', name);
    }
    if (typeof key.id === 'object' && key.id.isSecret && mapping.get)
      problem('does not go with an id that is a secret; leave it out, and keys are found in the list', 'get');
  });

/** The settings that a call uses; none of what is no call. */
function settingsIn(call: unknown): string[] {
  if (typeof call !== 'object' || call === null) return [];
  const { path, query, headers, body } = call as Partial<Record<keyof CallMapping, Template>>;
  try {
    return variablesOf([path ?? null, query ?? null, headers ?? null, body ?? null]).filter((name) =>
      name.startsWith('setting.'),
    );
  } catch {
    return []; // Told where it stands.
  }
}

function isPattern(text: string): boolean {
  try {
    return new RegExp(text) instanceof RegExp;
  } catch {
    return false;
  }
}

export type Mapping = z.infer<typeof mappingSchema>;
export type CallMapping = Pick<Mapping['list'], 'method' | 'path' | 'query' | 'headers' | 'body' | 'success'>;
export type Paging = NonNullable<Mapping['list']['paging']>;
