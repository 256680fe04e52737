import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { KeysError } from '../../src/errors.ts';
import { type Sink, WriteError } from '../../src/io.ts';
import { fakeGitLab } from '../fakes/places/gitlab.ts';
import { fakeKey, fakeService } from '../fakes/service.ts';
import { json } from '../fakes/wire.ts';
import { newHome } from '../run.ts';

const now = Date.parse('2026-11-21T12:00:00Z');

function failingSink(code: string): Sink {
  return {
    isTerminal: false,
    isNull: false,
    write: async () => {
      throw new WriteError('standard output', Object.assign(new Error(code), { code }));
    },
  };
}

const nullSink: Sink = { isTerminal: false, isNull: true, write: async () => {} };

describe.each([{ terminal: true }, { terminal: false }])('with $terminal for a terminal', (setup) => {
  test('create prints the bare secret on stdout and tells people the rest on stderr', async () => {
    const service = fakeService();
    const { code, stdout, stderr } = await newHome().keys('create ci', { ...setup, service });
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'fake_secret\n' });
    expect(stderr).toBe('created ci (key_1), never expires\nits secret is shown only this once:\n');
  });

  test('create -q prints the secret and nothing else, whatever KEYS_OUTPUT says', async () => {
    const env = { KEYS_OUTPUT: 'json' };
    const result = await newHome().keys('create ci -q', { ...setup, env, service: fakeService() });
    expect(result).toEqual({ code: 0, stdout: 'fake_secret\n', stderr: '' });
  });

  test('create -o json prints key, secret and destinations', async () => {
    const { code, stdout } = await newHome().keys('create ci -o json', { ...setup, service: fakeService() });
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      key: fakeKey({ name: 'ci' }),
      secret: 'fake_secret',
      destinations: ['stdout'],
    });
  });
});

test('every option of create reaches the service', async () => {
  const service = fakeService();
  const argv =
    'create --name ci --description d --type view --role viewer --role auditor --permission a.read --api-version 2026-11-01 --expires 2027-01-31 --owner alice --label a=1 --label b=x=y -n team';
  const { code } = await newHome().keys(argv, { now, service });
  expect(code).toBe(0);
  expect(service.keys[0]).toMatchObject({
    name: 'ci',
    description: 'd',
    type: 'view',
    roles: ['viewer', 'auditor'],
    permissions: ['a.read'],
    apiVersion: '2026-11-01',
    expiresAt: '2027-02-01T00:00:00.000Z',
    owner: 'alice',
    labels: { a: '1', b: 'x=y' },
    namespace: 'team',
  });
});

describe('bad input sends no request and exits', () => {
  test.each([
    ['create', 2, 'the key needs a name'],
    ['create a --name b', 2, 'two names'],
    ['create a --type editor', 2, 'view, manage'],
    ['create a --expires 2026-02-30', 2, 'not an expiry'],
    ['create a --expires 2020-01-01', 2, 'already passed'],
    ['create a --label nolabel', 2, 'name=value'],
    ['create a -o csv', 2, 'not printed as -o csv'],
    ['create a -o name', 2, 'not printed as -o name'],
    ['create a --query key.id', 2, 'leaves out the secret'],
    ['create a --query [[[', 2, '--query'],
    ['create a -o table --query secret', 2, 'JSON'],
    ['create a --discard --to stdout', 2, 'throws the secret away'],
  ])('keys %s: %i', async (argv, exit, message) => {
    const service = fakeService();
    const { code, stdout, stderr } = await newHome().keys(argv, { now, service });
    expect({ code, stdout, calls: service.calls }).toEqual({ code: exit, stdout: '', calls: [] });
    expect(stderr).toContain(message);
  });
});

test('what the service cannot keep is refused before any request with exit 6', async () => {
  const service = fakeService();
  const capabilities = { ...service.capabilities, title: 'Acme', fields: [] };
  const limited = fakeService([], { capabilities });
  const { code, stderr } = await newHome().keys('create a --role x', { service: limited });
  expect({ code, calls: limited.calls }).toEqual({ code: 6, calls: [] });
  expect(stderr).toContain('Acme keeps no roles for a key');
});

test('create --query may take the secret along', async () => {
  const argv = ['create', 'ci', '--query', '{id: key.id, s: secret}'];
  const { code, stdout } = await newHome().keys(argv, { service: fakeService() });
  expect({ code, result: JSON.parse(stdout) }).toEqual({
    code: 0,
    result: { id: 'key_1', s: 'fake_secret' },
  });
});

test('a --query that leaves out the secret of this very key exits 10', async () => {
  const service = fakeService([], {}, { secret: 'other' });
  const argv = ['create', 'ci', '--query', "secret == 'rehearsed-secret' && secret"];
  const { code, stdout } = await newHome().keys(argv, { service });
  expect({ code, stdout, calls: service.calls }).toEqual({ code: 10, stdout: '', calls: ['create ci'] });
});

describe('the secret is never lost silently', () => {
  test('stdout that is /dev/null is refused before any request', async () => {
    const service = fakeService();
    const { code, stderr } = await newHome().keys('create ci', { service, stdout: nullSink });
    expect({ code, calls: service.calls }).toEqual({ code: 2, calls: [] });
    expect(stderr).toContain('--discard');
  });

  test('--discard mints into /dev/null', async () => {
    const service = fakeService();
    const { code } = await newHome().keys('create ci --discard', { service, stdout: nullSink });
    expect({ code, calls: service.calls }).toEqual({ code: 0, calls: ['create ci'] });
  });

  test('--discard shows no secret in any format', async () => {
    for (const format of ['table', 'json', 'ndjson', 'yaml']) {
      const service = fakeService();
      const { code, stdout, stderr } = await newHome().keys(`create ci --discard -o ${format}`, { service });
      expect(code).toBe(0);
      expect(stdout + stderr).not.toContain('fake_secret');
      if (format === 'json') expect(JSON.parse(stdout)).toMatchObject({ secret: null, destinations: [] });
    }
  });

  test.each(['ENOSPC', 'EPIPE', 'EIO'])(
    'after a write that fails with %s the run exits 10 and the operation can be recovered',
    async (errno) => {
      const service = fakeService();
      const home = newHome();
      const { code, stderr } = await home.keys('create ci', { service, stdout: failingSink(errno) });
      expect({ code, calls: service.calls }).toEqual({ code: 10, calls: ['create ci'] });
      expect(stderr).not.toContain('fake_secret');
      const [operation] = await home.json<{ id: string; state: string; key: unknown }[]>('recover');
      expect(operation).toMatchObject({
        state: 'minted',
        key: { id: 'key_1', name: 'ci' },
        destinations: ['stdout'],
      });
      expect(stderr).toContain(`hint: keys recover ${operation?.id}\n`);
    },
  );

  test('a place that repeats the secret in its refusal does not show it', async () => {
    const gitlab = await fakeGitLab();
    gitlab.add({ value: 'old_secret' });
    const refusal = json(400, { message: { base: ['no room for fake_secret'] } });
    gitlab.next.push(null, null, null, refusal);
    const env = { GITLAB_URL: gitlab.url, GITLAB_TOKEN: gitlab.token };
    const argv = 'create ci --to gitlab-variable:acme/shop#DEPLOY_TOKEN';
    const { code, stdout, stderr } = await newHome().keys(argv, { service: fakeService(), env });
    expect({ code, stdout }).toEqual({ code: 10, stdout: '' });
    expect(stderr).toContain('no room for [secret]');
  });

  test('a mint that fails leaves nothing beside the file that it was for', async () => {
    const home = newHome();
    const refuse = async () => {
      throw new KeysError('forbidden', 'not you');
    };
    const { code } = await home.keys(`create ci --to file:${join(home.path, 'token')}`, {
      service: fakeService([], { create: refuse }),
    });
    expect(code).toBe(4);
    expect(readdirSync(home.path).filter((name) => name.includes('token'))).toEqual([]);
  });

  test('a secret that is no printable text is not printed, and can be undone', async () => {
    const service = fakeService([], {}, { secret: 'a\u001b[2Jb' });
    const { code, stdout, stderr } = await newHome().keys('create ci', { service, terminal: true });
    expect({ code, stdout, calls: service.calls }).toEqual({ code: 10, stdout: '', calls: ['create ci'] });
    expect(stderr).not.toContain('\u001b');
  });
});

describe('--to several times', () => {
  test('one place that is written in two ways is one destination', async () => {
    const home = newHome();
    const argv = [
      'create',
      'ci',
      '-o',
      'json',
      '--to',
      `file:${home.path}/a`,
      '--to',
      `file:${home.path}/./a`,
    ];
    const { stdout } = await home.keys(argv);
    expect(JSON.parse(stdout).destinations).toEqual([`file:${home.path}/a`]);
  });

  test('a file that is to hold the secret alone and among variables is refused, and nothing is minted', async () => {
    const home = newHome();
    const argv = ['create', 'ci', '--to', `file:${home.path}/a`, '--to', `env-file:${home.path}/a#X`];
    expect(await home.keys(argv)).toMatchObject({ code: 2, stderr: expect.stringContaining('are one file') });
    expect(await home.json('list')).toEqual([]);
  });
});

describe('--if-absent', () => {
  test('of a new name creates', async () => {
    const { code, stdout } = await newHome().keys('create ci --if-absent -o json', {
      service: fakeService(),
    });
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ secret: 'fake_secret', created: true });
  });

  test('of a name that a live key has mints nothing and exits 0', async () => {
    const service = fakeService([fakeKey({ name: 'ci' })]);
    const { code, stdout } = await newHome().keys('create ci --if-absent -o json', { service });
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      key: service.keys[0],
      secret: null,
      destinations: [],
      created: false,
    });
    expect(service.calls).toEqual(['list 0']);
  });

  test('of a present key prints nothing on stdout and says so on stderr', async () => {
    const service = fakeService([fakeKey({ name: 'ci', status: 'expired' })]);
    const { code, stdout, stderr } = await newHome().keys('create ci --if-absent', { service });
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    expect(stderr).toBe('ci (key_1) is there already; it is expired; nothing was created\n');
  });

  test('a revoked key of the name is no reason not to create', async () => {
    const service = fakeService([fakeKey({ name: 'ci', status: 'revoked' })]);
    const { stdout } = await newHome().keys('create ci --if-absent -o json', { service });
    expect(JSON.parse(stdout).created).toBe(true);
  });

  test('a name that somebody else takes meanwhile counts as present', async () => {
    const service = fakeService([], {
      create: async () => {
        service.keys.push(fakeKey({ name: 'ci', id: 'theirs' }));
        throw new KeysError('conflict', 'the name is taken');
      },
    });
    const { code, stdout } = await newHome().keys('create ci --if-absent -o json', { service });
    expect({ code, result: JSON.parse(stdout) }).toMatchObject({
      code: 0,
      result: { created: false, secret: null, key: { id: 'theirs' } },
    });
  });

  test('with a file that the first run has made, the second run exits 0 and leaves it; another name is refused', async () => {
    const home = newHome();
    const path = join(home.path, 'token');
    const first = await home.keys(`create ci --if-absent --to file:${path} -o json`);
    expect(JSON.parse(first.stdout).created).toBe(true);
    const secret = readFileSync(path, 'utf8');
    const second = await home.keys(`create ci --if-absent --to file:${path} -o json`);
    expect({ code: second.code, ...JSON.parse(second.stdout) }).toMatchObject({
      ...{ code: 0, created: false, destinations: [] },
    });
    const other = await home.keys(`create other --if-absent --to file:${path}`);
    expect(other).toMatchObject({ code: 5, stderr: expect.stringContaining('--force') });
    expect(readFileSync(path, 'utf8')).toBe(secret);
    expect(await home.json('list')).toHaveLength(1);
  });

  test('a quota that is used up stays an error', async () => {
    const service = fakeService([], {
      create: async () => {
        throw new KeysError('quota_exceeded', 'ten keys are enough');
      },
    });
    expect((await newHome().keys('create ci --if-absent', { service })).code).toBe(5);
  });
});

describe('keys create with nothing', () => {
  test('asks name, type, roles and expiry', async () => {
    const service = fakeService();
    const { code, stdout } = await newHome().keys('create', {
      service,
      now,
      terminal: true,
      answers: [
        { asked: 'Name', answer: 'ci' },
        { asked: 'Type', answer: 'view' },
        { asked: 'Roles', answer: 'viewer, auditor' },
        { asked: 'Expires', answer: 'at another time' },
        { asked: 'Expires when', answer: '10d' },
      ],
    });
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'fake_secret\n' });
    expect(service.keys[0]).toMatchObject({
      name: 'ci',
      type: 'view',
      roles: ['viewer', 'auditor'],
      expiresAt: '2026-12-01T12:00:00.000Z',
    });
  });

  test('asks nothing that an option has said, and nothing at all when there is a name', async () => {
    const options = 'create --type view --role viewer --expires never';
    const first = await newHome().keys(options, {
      service: fakeService(),
      answers: [{ asked: 'Name', answer: 'ci' }],
    });
    const second = await newHome().keys('create ci', { service: fakeService(), answers: [] });
    expect([first.code, second.code]).toEqual([0, 0]);
  });

  test('left with Ctrl-C exits 130 and mints nothing', async () => {
    const service = fakeService();
    const answers = [{ asked: 'Name', answer: new KeysError('interrupted', 'interrupted') }];
    const { code } = await newHome().keys('create', { service, answers });
    expect({ code, calls: service.calls }).toEqual({ code: 130, calls: [] });
  });
});
