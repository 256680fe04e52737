/** What a mapping file may say; `schemas/rest-mapping.json` is made from it, so every field has its description. */
import * as z from 'zod/mini';
import { urlProblem } from '../../config.ts';
import { fields } from './any.ts';
import { authSchema } from './mapping/auth.ts';
import {
  answeredKey,
  callShape,
  changeVariables,
  checkedTemplate,
  headerName,
  idCall,
  newKeyVariables,
  pageVariables,
  secretVariables,
  settingVariables,
  templateOf,
} from './mapping/call.ts';
import { errorsSchema } from './mapping/errors.ts';
import { keySchema } from './mapping/key.ts';
import { paging } from './mapping/paging.ts';
import { about, checked, duration, expression, inAnswer, oneOf, status, text } from './mapping/terms.ts';
import { type Template, variablesOf } from './template.ts';

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
            headers: [...pageVariables, ...settingVariables],
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
              headers: [...newKeyVariables, ...settingVariables],
            }),
            key: inAnswer('where the key is in the answer; the whole answer when absent'),
            secret: expression.check(about('where the secret is in the answer')),
            readBack: z.optional(
              z
                .boolean('must be true or false')
                .check(about('the answer has a part of the key only: it is read again')),
            ),
            successor: z.optional(
              templateOf([...newKeyVariables, 'current', ...settingVariables, ...secretVariables]).check(
                about('the body in place of `body` when the new key takes the place of {current}'),
              ),
            ),
            requires: z.optional(
              z
                .array(oneOf(fields), 'must be a list of fields')
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
      maxActiveKeys: z.optional(
        z
          .int('must be a whole number')
          .check(z.positive('must be positive'), about('how many keys there may be')),
      ),
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
  const { path, query, headers, body, successor } = call as Partial<
    Record<keyof CallMapping | 'successor', Template>
  >;
  try {
    return [path, query, headers, body, successor]
      .flatMap(variablesOf)
      .filter((name) => name.startsWith('setting.'));
  } catch {
    return []; // Told where it stands.
  }
}

export type Mapping = z.infer<typeof mappingSchema>;
export type CallMapping = Pick<Mapping['list'], 'method' | 'path' | 'query' | 'headers' | 'body' | 'success'>;
export type Paging = NonNullable<Mapping['list']['paging']>;
