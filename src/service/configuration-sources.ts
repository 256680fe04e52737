/** Where settings are said: an option goes before a variable, a variable before the file, the file before the default. */
import { readFile, stat } from 'node:fs/promises';
import { z } from 'zod';
import { type Env, variable } from '../env.ts';
import { KeysError } from '../errors.ts';
import { nearest } from '../text.ts';
import { placeOf, placeText, readYaml } from '../yaml-place.ts';
import {
  type Configuration,
  pathProblem,
  type SettingName,
  settingNames,
  settingOf,
  settingValue,
  variableOf,
} from './configuration.ts';

type Settings = Partial<Configuration>;

interface Sources {
  readonly options: Settings;
  readonly env: Env;
  /** Path of the configuration file. */
  readonly file?: string;
}

/** Throws `invalid`, naming the option, the variable, or the place in the file. */
export async function configurationFrom({ options, env, file }: Sources): Promise<Configuration> {
  const named = file ?? variable(env, `${prefix}CONFIG`);
  return {
    ...defaults(),
    ...(named === undefined ? {} : await fromFile(named)),
    ...fromEnvironment(env),
    ...Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)),
  } as Configuration;
}

function defaults(): Settings {
  const said = settingNames.flatMap((name) => {
    const { default: given } = settingOf(name);
    return given === undefined ? [] : [[name, settingValue(name, given)]];
  });
  return Object.fromEntries(said);
}

const prefix = 'KEYS_SERVE_';

/** What Kubernetes puts into the environment where a service there is called `keys-serve`. */
const linked = /^KEYS_SERVE_(?:SERVICE_HOST|SERVICE_PORT\w*|PORT\w*)$/;

function fromEnvironment(env: Env): Settings {
  const known = [...settingNames.map(variableOf), `${prefix}CONFIG`];
  const unknown = Object.keys(env).find(
    (name) => name.startsWith(prefix) && !known.includes(name) && !linked.test(name),
  );
  if (unknown !== undefined) {
    throw new KeysError('invalid', `${unknown} is no setting`, {
      hint: `${didYouMean(unknown, known)}keys help serve-config lists them`,
    });
  }
  const said = settingNames.flatMap((name) => {
    const given = variable(env, variableOf(name));
    return given === undefined ? [] : [[name, fromVariable(name, given)]];
  });
  return Object.fromEntries(said);
}

function fromVariable(name: SettingName, given: string): unknown {
  try {
    return settingValue(name, given);
  } catch (error) {
    if (!(error instanceof KeysError)) throw error;
    throw new KeysError('invalid', `${variableOf(name)}: ${error.message}`, {
      hint: 'keys help serve-config says what it takes',
    });
  }
}

const longestBytes = 1_048_576;

async function fromFile(path: string): Promise<Settings> {
  const { document, lines, value } = readYaml(
    await readText(path),
    (what, place) =>
      new KeysError('invalid', `${placeText(path, place)}: ${what}`, {
        hint: 'settings are lines of YAML such as listen: 127.0.0.1:8787',
      }),
  );
  const wrong = (what: string, at: readonly PropertyKey[], hint: string) =>
    new KeysError('invalid', `${placeText(path, placeOf(lines, document, at))}: ${what}`, { hint });
  if (value === null) return {};
  if (typeof value !== 'object' || Array.isArray(value)) {
    throw wrong('the file must hold settings by name', [], 'write a line such as listen: 127.0.0.1:8787');
  }
  for (const [name, given] of Object.entries(value)) {
    if (!settingNames.includes(name as SettingName)) {
      const hint = `${didYouMean(name, settingNames)}known: ${settingNames.join(', ')}`;
      throw wrong(`there is no setting '${name}'`, [name], hint);
    }
    const problem = pathProblem(name as SettingName, given);
    if (problem) throw wrong(`${name} ${problem}`, [name], `write it as ${name}: /…`);
  }
  const shape = Object.fromEntries(settingNames.map((name) => [name, settingOf(name).schema.optional()]));
  const result = z.strictObject(shape).safeParse(value);
  if (result.success) return result.data as Settings;
  const { path: at = [], message = 'is wrong' } = result.error.issues[0] ?? {};
  throw wrong(
    `${at.join('.')}${message.startsWith(':') ? '' : ' '}${message}`,
    at,
    'keys help serve-config says what it takes',
  );
}

async function readText(path: string): Promise<string> {
  try {
    const found = await stat(path);
    if (!found.isFile()) throw new Error('it is not a file');
    if (found.size > longestBytes) throw new Error('it is larger than 1 MiB');
    return new TextDecoder('utf-8', { fatal: true }).decode(await readFile(path));
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const reason = cause instanceof TypeError ? 'it is not UTF-8 text' : (code ?? message);
    throw new KeysError('invalid', `cannot read the configuration ${path}: ${reason}`, {
      cause,
      hint: 'name a YAML file with --config or KEYS_SERVE_CONFIG',
    });
  }
}

function didYouMean(word: string, known: readonly string[]): string {
  const near = nearest(word, known);
  return near ? `did you mean ${near}? ` : '';
}
