/** Drivers that others wrote: a file, or a package `keys-driver-…` installed beside this one. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { KeysError } from '../errors.ts';
import type { Capabilities } from '../keys.ts';
import type { DriverEntry } from './index.ts';
import { isPackage } from './names.ts';
import { type DriverModule, interfaceVersion, kit, type OutsideDriver } from './published.ts';

/** Throws `not_found` when there is no such driver, `invalid` for a module that is none. */
export async function outsideDriver(name: string): Promise<DriverEntry> {
  const file = isPackage(name) ? packageEntry(name) : name;
  if (!isAbsolute(file) || !existsSync(file))
    throw new KeysError('not_found', `there is no driver at ${file}`, {
      hint: 'check its path in the profile: keys profile show',
    });
  const driver = await load(name, file);
  const { settings, authorizes, open } = driver;
  const capabilities: DriverEntry['capabilities'] = (profile) => {
    try {
      return whole(driver.capabilities(profile));
    } catch (error) {
      throw error instanceof KeysError ? error : refusal(name, (error as Error).message, error);
    }
  };
  return {
    name,
    settings,
    authorizes,
    capabilities,
    load: async () => (http, profile, parts) => open.call(driver, http, profile, parts),
  };
}

function refusal(name: string, why: string, cause?: unknown): KeysError {
  return new KeysError('invalid', `the driver ${name} cannot be used: ${why}`, {
    cause,
    hint: 'docs/drivers.md says what a driver exports',
  });
}

/** Throws for capabilities that lack what every command asks of them. */
function whole(capabilities: Capabilities): Capabilities {
  const { title, ...rest } = capabilities;
  const missing = (['verbs', 'fields', 'editable', 'filters'] as const).find(
    (name) => !Array.isArray(rest[name]),
  );
  if (missing !== undefined || typeof title !== 'string')
    throw new Error(`its capabilities have no ${missing ?? 'title'}`);
  return capabilities;
}

async function load(name: string, file: string): Promise<OutsideDriver> {
  const refuse = (why: string, cause?: unknown) => refusal(name, why, cause);
  let module: { default?: unknown };
  try {
    module = (await import(pathToFileURL(file).href)) as typeof module;
  } catch (error) {
    throw refuse((error as Error).message, error);
  }
  if (typeof module.default !== 'function') throw refuse('it has no default export that is a function');
  let driver: OutsideDriver;
  try {
    driver = (module.default as DriverModule)(kit);
  } catch (error) {
    throw refuse((error as Error).message, error);
  }
  if (driver?.version !== interfaceVersion)
    throw refuse(
      `it is for version ${String(driver?.version)} of the interface, and this is ${interfaceVersion}`,
    );
  if (typeof driver.capabilities !== 'function' || typeof driver.open !== 'function')
    throw refuse('it lacks capabilities or open');
  return driver;
}

/** Only beside this program: where a command happens to be run says nothing of what code may have the credential. */
function packageEntry(name: string): string {
  for (let at = dirname(fileURLToPath(import.meta.url)); at !== dirname(at); at = dirname(at)) {
    const home = join(at, 'node_modules', name);
    if (!existsSync(join(home, 'package.json'))) continue;
    const { exports, main } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8')) as {
      exports?: unknown;
      main?: string;
    };
    return join(home, entryIn(exports) ?? main ?? 'index.js');
  }
  throw new KeysError('not_found', `there is no package ${name} beside keyadm`, {
    hint: `install it where keyadm is: npm install -g ${name}`,
  });
}

/** The entry of a package's `exports`, as an importing module sees it. */
function entryIn(exports: unknown): string | null {
  if (typeof exports === 'string') return exports;
  if (typeof exports !== 'object' || exports === null) return null;
  const conditions = exports as Record<string, unknown>;
  return entryIn(conditions['.'] ?? conditions.node ?? conditions.import ?? conditions.default);
}
