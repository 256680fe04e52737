import { describe, expect, test } from 'vitest';
import { KeysError } from '../../src/errors.ts';
import { type Sink, WriteError } from '../../src/io.ts';
import { fakeKey, fakeService } from '../fakes/service.ts';
import { newHome } from '../run.ts';

const demo = () => fakeService([fakeKey()]);

describe.each([{ terminal: true }, { terminal: false }])('with $terminal for a terminal', (setup) => {
  test('regenerate prints the bare new secret', async () => {
    const { code, stdout, stderr } = await newHome().keys('regenerate demo -y', {
      ...setup,
      service: demo(),
    });
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'fake_secret\n' });
    expect(stderr).toContain('the old one is dead');
  });

  test('regenerate -q prints the secret and nothing else', async () => {
    const result = await newHome().keys('regenerate demo -y -q', { ...setup, service: demo() });
    expect(result).toEqual({ code: 0, stdout: 'fake_secret\n', stderr: '' });
  });
});

test('regenerate -o json prints key, secret and destinations', async () => {
  const { stdout } = await newHome().keys('regenerate demo -y -o json', { service: demo() });
  expect(JSON.parse(stdout)).toEqual({ key: fakeKey(), secret: 'fake_secret', destinations: ['stdout'] });
});

test('without a terminal and without --yes it refuses with exit 2 before any request, also to a destination', async () => {
  const service = demo();
  const { code, stderr } = await newHome().keys('regenerate demo --to file:/nowhere/at/all', { service });
  expect({ code, calls: service.calls }).toEqual({ code: 2, calls: [] });
  expect(stderr).toContain('--yes');
});

test('shows the key and asks; a no is exit 130 and changes nothing', async () => {
  const service = demo();
  const answers = [{ asked: 'stops working at once', answer: false }];
  const { code, stderr } = await newHome().keys('regenerate demo', { service, answers });
  expect(code).toBe(130);
  expect(stderr).toContain('demo  key_1');
  expect(service.calls).not.toContain('regenerate key_1');
});

test('--grace is said in the question, and ends the old secret only when the new one has arrived', async () => {
  const asked: unknown[] = [];
  const { minting } = demo();
  const service = fakeService([fakeKey()], {
    regenerate: async (_id, options) => {
      asked.push(options?.overlap);
      return demo().regenerate('key_1');
    },
    minting: minting && {
      ...minting,
      settle: async (_idempotencyKey, settlement) => {
        asked.push(settlement);
        return fakeKey();
      },
    },
  });
  const answers = [{ asked: 'stops working in 2h', answer: true }];
  const { code } = await newHome().keys('regenerate demo --grace 2h', { service, answers });
  expect({ code, asked }).toEqual({ code: 0, asked: [true, { keep: 'new', graceMs: 7_200_000 }] });
});

test('a key that changed since it was looked at keeps its secret: exit 5', async () => {
  const service = fakeService([fakeKey({ version: '7' })], {
    regenerate: async (_id, _options, version) => {
      throw new KeysError('changed', `version ${version} is not the present one`);
    },
  });
  const { code, stderr } = await newHome().keys('regenerate demo -y', { service });
  expect(code).toBe(5);
  expect(stderr).toContain('version 7');
});

test('--grace on a service that ends the old secret at once exits 6 before any request', async () => {
  const capabilities = { ...demo().capabilities, grace: false };
  const service = fakeService([fakeKey()], { capabilities });
  const { code } = await newHome().keys('regenerate demo -y --grace 2h', { service });
  expect({ code, calls: service.calls }).toEqual({ code: 6, calls: [] });
});

test('a new secret that cannot be written exits 10 and says how to have it again', async () => {
  const stdout: Sink = {
    isTerminal: false,
    isNull: false,
    write: async () => {
      throw new WriteError('standard output', Object.assign(new Error(), { code: 'ENOSPC' }));
    },
  };
  const { code, stderr } = await newHome().keys('regenerate demo -y', { service: demo(), stdout });
  expect(code).toBe(10);
  expect(stderr).toContain('no space left\nhint: keys recover op_');
});

test('stdout that is /dev/null is refused before any request', async () => {
  const service = demo();
  const stdout: Sink = { isTerminal: false, isNull: true, write: async () => {} };
  const { code } = await newHome().keys('regenerate demo -y', { service, stdout });
  expect({ code, calls: service.calls }).toEqual({ code: 2, calls: [] });
});

test.each(['regenerate ci --yes', 'create ci2'])(
  '{name} in a destination of keys %s is refused: no file has that name',
  async (line) => {
    const home = newHome();
    await home.keys('create ci --discard');
    const { code, stderr } = await home.keys(`${line} --to file:${home.path}/{name}`);
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining('keys rotate alone') });
    expect(await home.json('list')).toMatchObject([{ name: 'ci', rotatedAt: null }]);
  },
);

test.each(['regenerate demo -y --grace 31d', 'rotate demo -y --grace 5w', 'rotate --self -y --grace 721h'])(
  '%s: a grace that no service gives exits 2 before anything is minted',
  async (argv) => {
    const home = newHome();
    await home.keys('create demo -q');
    const { code, stderr } = await home.keys(argv);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('30d is the most') });
    expect(await home.json('recover')).toEqual([]);
    expect(await home.json('show demo')).toMatchObject({ rotatedAt: null });
  },
);
