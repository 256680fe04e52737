/** The text of `config.yaml`: what it may say, where it is wrong, and how it is changed. */
import { isAbsolute } from 'node:path';
import { type Document, isAlias, isMap, isScalar, YAMLMap } from 'yaml';
import * as z from 'zod/mini';
import { authSchemes, nameProblem, storeNames, urlProblem } from './config.ts';
import type { Config, ConfigEditor } from './config-file.ts';
import { KeysError } from './errors.ts';
import { type Place, pairOf, placeOf, placeText, readYaml } from './yaml-place.ts';

const text = z.string('must be text; put quotes around it').check(z.minLength(1, 'must not be empty'));

const file = text.check(z.refine(isAbsolute, 'must be an absolute path'));

const profileSchema = z
  .strictObject(
    {
      url: z.string('must be a URL').check((context) => {
        const wrong = urlProblem(context.value);
        if (wrong) context.issues.push({ code: 'custom', input: context.value, message: `: ${wrong}` });
      }),
      driver: z.optional(text),
      namespace: z.optional(text),
      store: z.optional(oneOf(storeNames)),
      credentialCommand: z.optional(
        z
          .array(text, 'must be a list of words, such as ["op", "read", "op://…"]')
          .check(z.minLength(1, 'must name a command')),
      ),
      authScheme: z.optional(oneOf(authSchemes)),
      caFile: z.optional(file),
      clientCertFile: z.optional(file),
      clientKeyFile: z.optional(file),
      insecureHttp: z.optional(z.boolean('must be true or false')),
      settings: z.optional(z.record(z.string(), text, 'must be settings of the driver by name')),
    },
    'must have at least a url',
  )
  .check((context) => {
    const { store, credentialCommand } = context.value;
    if (store === 'command' && !credentialCommand) {
      context.issues.push({
        code: 'custom',
        input: context.value,
        message: "has the store 'command' and needs credentialCommand",
      });
    }
  });

const configSchema = z.strictObject(
  {
    current: z.optional(text),
    profiles: z.nullish(z.record(z.string(), profileSchema, 'must hold profiles by name')),
  },
  "must hold 'current' and 'profiles'",
);

function oneOf<const T extends readonly string[]>(values: T) {
  return z.enum(values, `must be one of ${values.join(', ')}`);
}

interface Parsed {
  readonly document: Document;
  readonly config: Config;
}

/** Throws `invalid` with file, line, column, what is wrong and what to do. */
export function parseConfig(path: string, source: string): Parsed {
  const { document, lines, value } = readYaml(source, (what, where) => broken(path, what, where));
  if (value === null) return { document, config: { profiles: {} } };
  const place = (keys: readonly PropertyKey[]) => placeOf(lines, document, keys);

  for (const name of Object.keys(profilesOf(value))) {
    const wrong = nameProblem(name);
    if (wrong) throw broken(path, wrong, place(['profiles', name]));
  }
  const parsed = configSchema.safeParse(value);
  if (parsed.success) {
    const { current, profiles } = parsed.data;
    return {
      document,
      config: { ...(current && { current }), profiles: { ...profiles } as Config['profiles'] },
    };
  }
  // A secret is what has to be told first, whatever else is wrong.
  const { issues } = parsed.error;
  const issue =
    issues.find((found) => found.code === 'unrecognized_keys' && found.keys.some(looksSecret)) ?? issues[0];
  if (issue?.code === 'unrecognized_keys') {
    const key = issue.keys.find(looksSecret) ?? String(issue.keys[0]);
    const where = place([...issue.path, key]);
    throw looksSecret(key)
      ? secretInside(path, key, issue.path, where)
      : unknownKey(path, key, issue.path, where);
  }
  const keys = issue?.path ?? [];
  const subject = keys.join('.') || 'the file';
  const message = issue?.message ?? 'is wrong';
  throw broken(path, `${subject}${message.startsWith(':') ? '' : ' '}${message}`, place(keys));
}

/** The changed text, proven to say what was meant. Throws as `parseConfig`. */
export function editConfig(path: string, source: string, change: (editor: ConfigEditor) => void): string {
  const { document, config } = parseConfig(path, source);
  if (document.contents === null || isNothing(document.contents)) {
    document.contents = new YAMLMap();
    if (source === '')
      document.commentBefore = ' Profiles of keys, see `keys profile --help`. No secret belongs in here.';
  }
  const root = mapAt(path, document.contents, 'the file');
  const profiles = (): YAMLMap => {
    const found = pairOf(root, 'profiles')?.value;
    if (found !== undefined && !isNothing(found)) return mapAt(path, found, 'profiles');
    root.set('profiles', new YAMLMap());
    return profiles();
  };

  change({
    config,
    setCurrent(name) {
      if (name === null) root.delete('current');
      else if (root.has('current')) root.set('current', name);
      else root.items.unshift(document.createPair('current', name));
    },
    setProfile(name, entry) {
      const fields = Object.entries(entry).filter(([, value]) => value !== undefined);
      const existing = pairOf(profiles(), name);
      if (!existing) {
        profiles().set(name, document.createNode(Object.fromEntries(fields)));
        return;
      }
      const map = mapAt(path, existing.value, `profiles.${name}`);
      for (const key of map.items.map((pair) => String(pair.key))) {
        if (!fields.some(([field]) => field === key)) map.delete(key);
      }
      for (const [field, value] of fields) {
        if (JSON.stringify(value) !== JSON.stringify(plain(map.get(field)))) map.set(field, value);
      }
    },
    renameProfile(name, newName) {
      const pair = pairOf(profiles(), name);
      if (pair) pair.key = document.createNode(newName);
    },
    removeProfile(name) {
      const pair = pairOf(profiles(), name);
      if (pair) profiles().delete(pair.key);
    },
  });

  const changed = textOf(path, document);
  parseConfig(path, changed);
  return changed;
}

/** Throws `invalid` where an alias has lost its anchor. */
function textOf(path: string, document: Document): string {
  try {
    return document.toString({ lineWidth: 0 });
  } catch (cause) {
    const why = (cause as Error).message;
    throw new KeysError('invalid', `${path}: what would go is used elsewhere in the file: ${why}`, {
      hint: 'write that out in full, without an alias; nothing has been changed',
      cause,
    });
  }
}

function isNothing(node: unknown): boolean {
  return isScalar(node) && node.value === null;
}

function profilesOf(value: unknown): object {
  const profiles = (value as { profiles?: unknown }).profiles;
  return typeof profiles === 'object' && profiles !== null ? profiles : {};
}

function mapAt(path: string, node: unknown, subject: string): YAMLMap {
  if (isMap(node)) return node;
  throw broken(
    path,
    `${subject} is ${isAlias(node) ? 'an alias' : 'not a map'}, which cannot be changed from here`,
  );
}

function plain(node: unknown): unknown {
  return isMap(node) || isScalar(node) ? node.toJSON() : JSON.parse(JSON.stringify(node ?? null));
}

function looksSecret(key: string): boolean {
  return /token|secret|password|passwd|passphrase|api[-_]?key|^key$|^credentials?$|bearer|authorization/i.test(
    key,
  );
}

function secretInside(path: string, key: string, at: readonly PropertyKey[], where: Place): KeysError {
  const profile = at[0] === 'profiles' && at[1] !== undefined ? ` -p ${String(at[1])}` : '';
  return new KeysError(
    'invalid',
    `${placeText(path, where)}: '${key}' does not belong here; no secret is kept in this file`,
    {
      hint: `take the line out and keep the credential with: keys auth login${profile}`,
    },
  );
}

function unknownKey(path: string, key: string, at: readonly PropertyKey[], where: Place): KeysError {
  const known = Object.keys(at.length === 0 ? configSchema.shape : profileSchema.shape);
  return new KeysError('invalid', `${placeText(path, where)}: there is no setting '${key}'`, {
    hint: `known here: ${known.join(', ')}`,
  });
}

function broken(path: string, what: string, where?: Place): KeysError {
  return new KeysError('invalid', `${placeText(path, where)}: ${what}`, {
    hint: 'put this line right, or move the file away; nothing has been changed',
  });
}
