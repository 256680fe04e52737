/** What is killed, and what must hold whenever it dies. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseEnv } from 'node:util';
import { allKeys, type Key } from '../../src/keys.ts';
import { Secret } from '../../src/secret.ts';
import type { World } from './world.ts';

export interface Scenario {
  readonly name: string;
  readonly stdout: 'file' | 'pipe';
  /** Who dies: the command, or the server that it talks to. */
  readonly victim: 'command' | 'server';
  readonly needsKeychain: boolean;
  prepare(world: World): Promise<void>;
  argv(world: World): string[];
  /** Before anything has been recovered. `status` is how a command ended whose server died. */
  checkAfterDeath(world: World, status: number | null): Promise<void>;
  /** After one `keys recover --all`. */
  checkAfterRecover(world: World): Promise<void>;
}

interface Place {
  readonly name: string;
  readonly stdout: 'file' | 'pipe';
  readonly needsKeychain?: true;
  to(world: World): string[];
  /** What a consumer finds there, the latest first. */
  read(world: World): string[];
}

const printed = (world: World) => world.printed.flatMap((text) => text.split('\n').filter(Boolean)).reverse();

const fileIn = (name: string, parse: (text: string) => string | undefined) => (world: World) => {
  const path = join(world.path, name);
  const found = existsSync(path) ? parse(readFileSync(path, 'utf8')) : undefined;
  return found === undefined ? [] : [found];
};

/** One keyring serves all worlds. */
const entry = ({ path }: World) => basename(path);

const places: Place[] = [
  { name: 'stdout to a file', stdout: 'file', to: () => [], read: printed },
  { name: 'stdout to a pipe', stdout: 'pipe', to: () => [], read: printed },
  {
    name: 'file:',
    stdout: 'file',
    to: ({ path }) => ['--to', `file:${join(path, 'secret')}`, '--force'],
    read: fileIn('secret', (text) => text.trim()),
  },
  {
    name: 'env-file:',
    stdout: 'file',
    to: ({ path }) => ['--to', `env-file:${join(path, '.env')}#TOKEN`],
    read: fileIn('.env', (text) => parseEnv(text).TOKEN),
  },
  {
    name: 'keychain:',
    stdout: 'file',
    needsKeychain: true,
    to: (world) => ['--to', `keychain:${entry(world)}`],
    read(world) {
      const words = ['lookup', 'service', 'keys-secrets', 'username', entry(world)];
      return [spawnSync('secret-tool', words, { encoding: 'utf8' }).stdout].filter(Boolean);
    },
  },
  {
    name: 'exec:',
    stdout: 'file',
    to: ({ path }) => ['--to', `exec:install -m 600 /dev/stdin ${join(path, 'consumed')}`],
    read: fileIn('consumed', (text) => text),
  },
];

const commands = ['create', 'regenerate', 'rotate'] as const;

export const scenarios: Scenario[] = [
  ...commands.flatMap((command) => places.map((place) => scenario(command, place, 'command'))),
  // A server does not see where a secret goes; one place that proves its arrival, and one that is read back.
  ...commands.flatMap((command) =>
    places
      .filter(({ name }) => name === 'stdout to a file' || name === 'env-file:')
      .map((place) => scenario(command, place, 'server')),
  ),
];

function scenario(command: (typeof commands)[number], place: Place, victim: Scenario['victim']): Scenario {
  return {
    name: `${command}, ${place.name}${victim === 'server' ? ', the server dies' : ''}`,
    stdout: place.stdout,
    victim,
    needsKeychain: place.needsKeychain ?? false,
    async prepare(world) {
      writeFileSync(join(world.path, '.env'), '# kept\nOTHER=1\n');
      if (command === 'create') return;
      const { key, secret } = await world.service.create({ name: 'ci' });
      world.keyId = key.id;
      world.old = secret;
    },
    argv: (world) => [
      command,
      'ci',
      ...place.to(world),
      ...(command === 'create' ? [] : ['--yes']),
      ...(command === 'rotate' ? ['--grace', '0'] : []),
    ],
    async checkAfterDeath(world, status) {
      if (status !== null) await checkExit(world, status);
      if (
        command === 'rotate' &&
        !(await works(world, world.old)) &&
        !(await anyWorks(world, place.read(world)))
      ) {
        throw new Error('the old secret is dead and the new one is not where it belongs');
      }
      for (const key of await liveKeys(world)) {
        const arrived = await anyWorks(world, place.read(world), key.id);
        const untouched = await works(world, world.old);
        if (!arrived && !untouched && world.unfinished().length === 0) {
          throw new Error(`the key ${key.id} is live, its secret is nowhere, and no operation is listed`);
        }
      }
    },
    async checkAfterRecover(world) {
      const left = world.unfinished();
      if (left.length > 0) throw new Error(`${left.length} operations are left after keys recover --all`);
      const keys = await liveKeys(world);
      if (keys.length > 1) throw new Error(`${keys.length} live keys`);
      const [key] = keys;
      if (!key && command !== 'create') throw new Error('the key is gone');
      if (key) await checkKey(world, key);
      checkNoPlaintext(world);
    },
  };

  /** Whether an exit code tells the truth. */
  async function checkExit(world: World, status: number): Promise<void> {
    const unfinished = world.unfinished().length;
    if (status === 0) {
      if (unfinished > 0) throw new Error('exit 0, and an operation is unfinished');
      if (!(await anyWorks(world, place.read(world))))
        throw new Error('exit 0, and the secret does not work');
    } else if (status === 7 || status === 11) {
      if (unfinished > 0) throw new Error(`exit ${status}, and an operation is unfinished`);
      const keys = await liveKeys(world);
      const secrets = keys.map(({ id }) => world.liveSecrets(id).working);
      const untouched = command === 'create' ? keys.length === 0 : await works(world, world.old);
      if (!untouched || secrets.some((working) => working !== 1))
        throw new Error(`exit ${status}, and something was changed`);
    } else if (status !== 10) {
      throw new Error(`exit ${status}`);
    } else if (unfinished === 0) {
      throw new Error('exit 10, and no operation is listed');
    }
  }

  async function checkKey(world: World, key: Key): Promise<void> {
    const { working, endless } = world.liveSecrets(key.id);
    if (working !== 1 || endless !== 1)
      throw new Error(`${working} secrets of the key work, ${endless} without an end`);
    // Dead before it began: the old secret is the one that works.
    if (await works(world, world.old)) return;
    if (!(await anyWorks(world, place.read(world), key.id)))
      throw new Error('the secret that works is not where it belongs');
  }

  function checkNoPlaintext(world: World): void {
    const known = [...place.read(world), ...printed(world), world.old?.reveal() ?? ''].filter((text) =>
      /^keys_\w{36}$/.test(text),
    );
    for (const bytes of world.searchable()) {
      if (known.some((secret) => bytes.includes(secret)))
        throw new Error('a secret in plain text in journal or database');
    }
  }
}

async function liveKeys({ service }: World): Promise<Key[]> {
  const keys: Key[] = [];
  for await (const page of allKeys(service, {})) keys.push(...page.filter(({ name }) => name === 'ci'));
  return keys;
}

async function works({ service }: World, secret: Secret | null): Promise<boolean> {
  return secret !== null && (await service.verify(secret)).valid;
}

async function anyWorks({ service }: World, texts: readonly string[], keyId?: string): Promise<boolean> {
  for (const text of texts) {
    const { valid, key } = await service.verify(new Secret(text));
    if (valid && (keyId === undefined || key?.id === keyId)) return true;
  }
  return false;
}
