import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Key } from '../../src/keys.ts';
import { newShellHome, realKeys } from '../completions/shell.ts';
import { fakeKey, fakeService } from '../fakes/service.ts';
import { type Home, newHome, type Setup } from '../run.ts';

const names = (...all: string[]): Key[] => all.map((name, i) => fakeKey({ id: `key_${i}`, name }));

/** The candidates for the last of the words; fails the test unless the run is silent and exits 0. */
async function candidates(home: Home, words: readonly string[], setup?: Setup): Promise<string[]> {
  const { code, stdout, stderr } = await home.keys(['__complete', '--', ...words], setup);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout.split('\n').slice(0, -1);
}

/** A home for the built program, removed after the test. */
function builtHome(): ReturnType<typeof newShellHome> {
  const home = newShellHome();
  onTestFinished(() => rmSync(home.path, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 }));
  return home;
}

async function values(home: Home, words: readonly string[], setup?: Setup): Promise<string[]> {
  return (await candidates(home, words, setup)).map((line) => line.replace(/\t.*/, ''));
}

async function homeThatKnows(...keys: Key[]): Promise<Home> {
  const home = newHome();
  expect((await home.keys('__learn', { service: fakeService(keys) })).code).toBe(0);
  return home;
}

describe('what is offered', () => {
  test.each<[string, string[], string[]]>([
    ['commands, without aliases', ['de'], []],
    ['no hidden command', ['__'], []],
    ['subcommands', ['profile', ''], ['list', 'show', 'add', 'check', 'use', 'rename', 'remove']],
    ['subcommands of an alias', ['profile', 'ls', '--n'], ['--namespace', '--no-input', '--no-color']],
    ['options of the command and of all commands', ['create', '--e'], ['--expires']],
    ['options of all commands', ['create', '--prof'], ['--profile']],
    ['no option twice', ['list', '--all-namespaces', '--all'], []],
    ['a repeatable option twice', ['create', '--role', 'viewer', '--ro'], ['--role']],
    ['no option after --', ['show', '--', '--'], []],
    ['choices', ['list', '--status', 'dis'], ['disabled']],
    ['choices after an equals sign', ['list', '--status=dis'], ['--status=disabled']],
    ['choices after a short option', ['list', '-o', 'nd'], ['ndjson']],
    ['choices attached to a short option', ['list', '-ond'], ['-ondjson']],
    ['choices after a group of short options', ['list', '-qo', 'nd'], ['ndjson']],
    ['choices of an argument', ['completion', ''], ['bash', 'zsh', 'fish', 'powershell']],
    ['the built-in profile', ['-p', ''], ['local']],
    ['drivers', ['profile', 'add', 'x', '--driver', 'key'], ['keys']],
    ['destinations', ['create', 'x', '--to', 'f'], ['file:']],
    ['an instruction after the name of a file destination', ['create', 'x', '--to=env-file:a'], ['']],
    ['fields to sort by', ['list', '--sort', 'exp'], ['expiresAt', 'expiresAt:desc']],
    ['topics and commands', ['help', 'e'], ['edit', 'enable', 'exit-codes', 'environment']],
    ['commands within a group, for help', ['help', 'profile', 'ad'], ['add']],
    ['nothing after a topic', ['help', 'exit-codes', ''], []],
    ['an instruction where a file is wanted', ['profile', 'add', 'x', '--ca-file', ''], ['']],
    ['nothing where nothing is known', ['create', '--description', ''], []],
    ['nothing where no argument is left', ['completion', 'bash', ''], []],
    ['commands whatever the case', ['LI'], ['list']],
  ])('%s', async (_what, words, expected) => {
    expect(await values(newHome(), words)).toEqual(expected);
  });

  test('a candidate comes with a few words about it', async () => {
    expect(await candidates(newHome(), ['show', '--ver'])).toEqual(['--version\tprint the version']);
    expect(await candidates(newHome(), ['profile', 'add', 'x', '--ca-file', ''])).toEqual(['\tfiles']);
  });

  test('every command takes part without a word of its own here', async () => {
    const home = newHome();
    for (const command of await values(home, [''])) {
      expect(await values(home, [command, '--he']), command).toEqual(['--help']);
    }
  });

  test('words sent through the environment, as the PowerShell script does, are completed (no PowerShell runs it here)', async () => {
    const env = { KEYS_COMPLETE_WORDS: 'list\n--status\n' };
    const { stdout } = await newHome().keys('__complete', { env });
    expect(stdout).toBe('active\ndisabled\nexpired\nrevoked\nall\n');
  });
});

describe('keys', () => {
  test.each(['show', 'edit', 'disable', 'enable', 'regenerate', 'revoke'])(
    'are offered to %s',
    async (verb) => {
      const home = await homeThatKnows(...names('demo', 'deploy', 'other'));
      expect(await candidates(home, [verb, 'de'])).toEqual(['demo\tactive', 'deploy\tactive']);
    },
  );

  test('are not offered to create, and not a second time on a line', async () => {
    const home = await homeThatKnows(...names('demo', 'deploy'));
    expect(await values(home, ['create', ''])).toEqual([]);
    expect(await values(home, ['revoke', 'demo', ''])).toEqual(['deploy']);
    expect(await values(home, ['show', 'demo', ''])).toEqual([]);
  });

  test('are offered by id where an id is typed, and where a name is not one of them alone', async () => {
    const home = await homeThatKnows(...names('demo', 'twin', 'twin'));
    expect(await candidates(home, ['show', ''])).toEqual(['demo\tactive', 'key_1\ttwin', 'key_2\ttwin']);
    expect(await candidates(home, ['show', 'key_0'])).toEqual(['key_0\tdemo']);
  });

  test.each(['\u001b[31mred', 'bell\u0007', 'line\nbreak', '\u202eevil', 'tab\tbed', '--force'])(
    'with a name that is no word to type are offered by id: %j',
    async (name) => {
      const home = await homeThatKnows(...names('demo', name));
      const lines = await candidates(home, ['show', '']);
      expect(lines.map((line) => line.replace(/\t.*/, ''))).toEqual(['demo', 'key_1']);
      expect(lines.join('')).not.toMatch(/[\u001b\u0007\u202e]/);
    },
  );

  test('have owners, who are offered where a user is wanted', async () => {
    const owners = ['alice', 'anna', 'alice', null];
    const keys = owners.map((owner, i) => fakeKey({ id: `key_${i}`, name: `demo-${i}`, owner }));
    expect(await values(await homeThatKnows(...keys), ['list', '--owner', ''])).toEqual(['alice', 'anna']);
  });

  test('of one profile or namespace are not offered in another', async () => {
    const home = await homeThatKnows(...names('demo'));
    expect(await values(home, ['show', '-n', 'other', 'd'])).toEqual([]);
    expect(await values(home, ['show', '-p', 'missing', 'd'])).toEqual([]);
    expect(await values(home, ['show', 'd'], { env: { KEYS_NAMESPACE: 'other' } })).toEqual([]);
    await home.keys('__learn -n other', { service: fakeService(names('different')) });
    expect(await values(home, ['show', '--namespace=other', 'd'])).toEqual(['different']);
    expect(await values(home, ['show', 'd'])).toEqual(['demo']);
  });

  test('are forgotten after an hour, and when the clock went back', async () => {
    const home = newHome();
    const now = Date.parse('2026-11-01T12:00:00Z');
    await home.keys('__learn', { service: fakeService(names('demo')), now });
    expect(await values(home, ['show', ''], { now: now + 3_599_000 })).toEqual(['demo']);
    expect(await values(home, ['show', ''], { now: now + 3_600_000 })).toEqual([]);
    expect(await values(home, ['show', ''], { now: now - 1 })).toEqual([]);
  });

  test('that a person has just listed are known', async () => {
    const home = newHome();
    await home.keys('list', { service: fakeService(names('demo')), terminal: true });
    expect(await values(home, ['show', ''])).toEqual(['demo']);
    await home.keys('list --name nothing', { service: fakeService(names('demo', 'more')), terminal: true });
    expect(await values(home, ['show', ''])).toEqual(['demo']);
  });

  test('are kept without a secret, for the owner only', async () => {
    const { path, env } = builtHome();
    const secret = realKeys(env, 'create', 'demo', '-q').trim();
    realKeys(env, '__learn');
    const folder = join(path, 'state', 'known-keys');
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    const files = readdirSync(folder).map((name) => join(folder, name));
    expect(files.map((file) => statSync(file).mode & 0o777)).toEqual([0o600]);
    const kept = files.map((file) => readFileSync(file, 'utf8')).join('');
    expect(kept).toContain('demo');
    expect(kept).not.toContain(secret.slice(0, -6));
  });

  test('are learned by asking aside when nothing is known yet', async () => {
    const { env } = builtHome();
    realKeys(env, 'create', 'demo', '-q');
    let answer = '';
    while (answer === '') answer = realKeys(env, '__complete', '--', 'show', 'd');
    expect(answer).toBe('demo\tactive\n');
  });

  test('of which there are very many are known up to a thousand', async () => {
    const home = await homeThatKnows(...names(...Array.from({ length: 1_001 }, (_, i) => `demo-${i}`)));
    expect(await values(home, ['show', 'demo'])).toHaveLength(1_000);
  });

  test('that are new are asked for where none that is known begins as what is typed', async () => {
    const { env } = builtHome();
    realKeys(env, 'create', 'demo', '-q');
    realKeys(env, '__learn');
    realKeys(env, 'create', 'zeta', '-q');
    let answer = '';
    while (answer === '') answer = realKeys(env, '__complete', '--', 'show', 'z');
    expect(answer).toBe('zeta\tactive\n');
  });

  test('completing makes no database', async () => {
    const home = newHome();
    expect(await values(home, ['show', ''])).toEqual([]);
    expect(readdirSync(home.path)).toEqual([]);
  });
});

describe('nothing is offered, shown or asked', () => {
  test('when what is kept is broken', async () => {
    const home = await homeThatKnows(...names('demo'));
    const folder = join(home.path, 'state', 'known-keys');
    for (const broken of [
      '',
      '{',
      'null',
      '{"at":1}',
      '{"at":"x","keys":[]}',
      '{"at":1,"keys":[{"id":1}]}',
    ]) {
      for (const name of readdirSync(folder)) writeFileSync(join(folder, name), broken);
      expect(await values(home, ['show', ''])).toEqual([]);
    }
  });

  test('when the configuration is broken', async () => {
    const home = newHome();
    mkdirSync(join(home.path, 'config'));
    writeFileSync(join(home.path, 'config', 'config.yaml'), 'profiles: [');
    expect(await values(home, ['show', ''])).toEqual([]);
    expect(await values(home, ['-p', ''])).toEqual([]);
    expect(await values(home, ['list', '--status', 'dis'])).toEqual(['disabled']);
  });

  test('when the state directory cannot be written', async () => {
    const home = newHome();
    writeFileSync(join(home.path, 'file'), '');
    const env = {
      KEYS_STATE_DIR: join(home.path, 'file', 'state'),
      KEYS_URL: 'http://127.0.0.1:9',
      KEYS_TOKEN: 'x',
    };
    expect(await values(home, ['show', ''], { env })).toEqual([]);
    const listed = await home.keys('list', { service: fakeService(names('demo')), terminal: true, env });
    expect(listed).toMatchObject({ code: 0, stderr: '' });
  });

  test('of a profile whose credential is in a keychain, or comes from a command', async () => {
    const home = newHome();
    mkdirSync(join(home.path, 'config'));
    const url = 'https://keys.invalid';
    writeFileSync(
      join(home.path, 'config', 'config.yaml'),
      `profiles:
  work: { url: '${url}', store: keychain }
  other: { url: '${url}', store: command, credentialCommand: [touch, '${join(home.path, 'ran')}'] }
`,
    );
    expect(await values(home, ['show', '-p', 'work', ''])).toEqual([]);
    expect(await values(home, ['show', '-p', 'other', ''])).toEqual([]);
    expect(readdirSync(home.path)).toEqual(['config']);
    expect(await values(home, ['-p', ''])).toEqual(['local', 'work', 'other']);
  });

  test('when the service does not answer: nobody waits for the end, and the next Tab asks no second time', async () => {
    const server = createServer(() => {});
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    const { path, env } = builtHome();
    const asked = new Promise((request) => server.once('request', request));
    const KEYS_URL = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const remote = { ...env, KEYS_URL, KEYS_TOKEN: 'not-a-real-token' };
    const complete = () => realKeys(remote, '__complete', '--', 'show', '');
    expect(complete()).toBe('');
    // The question is still open when the answer has long been given.
    await asked;
    const folder = join(path, 'state', 'known-keys');
    const marks = () => readdirSync(folder).map((name) => [name, statSync(join(folder, name)).mtimeMs]);
    const before = marks();
    expect(complete()).toBe('');
    expect(marks()).toEqual(before);
  });

  test.each([
    [[]],
    [['']],
    [['--']],
    [['nothing', '']],
    [['show', '--bogus', '']],
    [['-p']],
    [['list', '--status=']],
  ])('in a way that fails: %j', async (words) => {
    expect((await newHome().keys(['__complete', '--', ...words])).code).toBe(0);
  });
});
