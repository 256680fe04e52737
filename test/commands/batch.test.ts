import { describe, expect, test } from 'vitest';
import { KeysError } from '../../src/errors.ts';
import { type Sink, WriteError } from '../../src/io.ts';
import { ownCapabilities } from '../../src/own-capabilities.ts';
import { fakeKey, fakeService } from '../fakes/service.ts';
import { newHome } from '../run.ts';

const names = ['a', 'b', 'c', 'd', 'e', 'f'];
const six = () => names.map((name, index) => fakeKey({ id: `key_${index + 1}`, name }));
const verbs = ['disable', 'enable', 'revoke'];

describe.each(verbs)('%s', (verb) => {
  test('-o json prints one result a key, in the order given, each key once', async () => {
    const service = fakeService(six());
    const { code, stdout } = await newHome().keys(`${verb} c key_1 a c -y -o json`, { service });
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual([
      { id: 'key_3', name: 'c', ok: true, error: null },
      { id: 'key_1', name: 'a', ok: true, error: null },
    ]);
    expect(service.calls.filter((call) => call.startsWith(verb))).toHaveLength(2);
  });

  test('a --query with a function that there is not is refused before anything is done (exit 2)', async () => {
    const service = fakeService(six());
    const { code, stderr } = await newHome().keys([verb, 'a', '-y', '--query', '[].name(@)'], { service });
    expect({ code, calls: service.calls }).toEqual({ code: 2, calls: [] });
    expect(stderr).toContain('there is no function name()');
  });

  test('on a terminal says what became of each key', async () => {
    const { stdout } = await newHome().keys(`${verb} a x -y`, {
      service: fakeService(six()),
      terminal: true,
    });
    expect(stdout).toBe(`${verb}d a (key_1)\nnot ${verb}d: x: there is no key with the id or name 'x'\n`);
  });

  test('in a pipe prints tab-separated results', async () => {
    const { stdout } = await newHome().keys(`${verb} a b -y`, { service: fakeService(six()) });
    expect(stdout).toBe('key_1\ta\ttrue\t\nkey_2\tb\ttrue\t\n');
  });

  test('- reads ids and names from standard input', async () => {
    const service = fakeService(six());
    const { code, stdout } = await newHome().keys(`${verb} - -y -o name`, {
      service,
      stdin: 'a\r\n\n key_2 \n',
    });
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'a\nb\n' });
  });

  test('with an empty standard input exits 2', async () => {
    const { code } = await newHome().keys(`${verb} - -y`, { service: fakeService(six()), stdin: '\n' });
    expect(code).toBe(2);
  });

  test('without a key exits 2 where nobody can be asked', async () => {
    const { code, stderr } = await newHome().keys(`${verb} -y`, { service: fakeService(six()) });
    expect(code).toBe(2);
    expect(stderr).toContain('which key?');
  });

  test('without a key offers a choice on a terminal', async () => {
    const status = verb === 'enable' ? 'disabled' : 'active';
    const service = fakeService([fakeKey({ status })]);
    const answers = [{ asked: 'which key?', answer: 'demo (key_1)' }];
    const { code } = await newHome().keys(`${verb} -y`, { service, answers });
    expect({ code, last: service.calls.at(-1) }).toEqual({ code: 0, last: `${verb} key_1` });
  });

  test('one unknown key exits 3 and prints its result for programs', async () => {
    const { code, stdout, stderr } = await newHome().keys(`${verb} x -y -o json`, { service: fakeService() });
    expect(code).toBe(3);
    expect(JSON.parse(stdout)).toMatchObject([
      { id: null, name: 'x', ok: false, error: { code: 'not_found' } },
    ]);
    expect(JSON.parse(stderr).error.code).toBe('not_found');
  });

  test('some that failed exit 8 and the others are done', async () => {
    const service = fakeService(six());
    const { code, stdout, stderr } = await newHome().keys(`${verb} a x b -y -o json`, { service });
    expect(code).toBe(8);
    expect(JSON.parse(stdout).map(({ ok }: { ok: boolean }) => ok)).toEqual([true, false, true]);
    expect(JSON.parse(stderr).error.message).toBe(`1 of 3 keys could not be ${verb}d`);
  });

  test('what can be done about those that failed is said at the end, once each', async () => {
    const service = fakeService(six());
    const { stderr } = await newHome().keys(`${verb} x y a z -y`, { service });
    expect(stderr).toMatch(/keys: 3 of 4 keys could not be \w+\nhint: keys list shows what there is\n$/);
    const refuse = async (id: string): Promise<never> => {
      throw new KeysError('conflict', 'not now', { hint: `keys show ${id}` });
    };
    const refusing = { ...service, [verb]: refuse };
    const each = await newHome().keys(`${verb} b c d e -y`, { service: refusing });
    expect(each.stderr).toContain('hint: keys show key_2; keys show key_3; keys show key_4; …\n');
  });

  test('-o name lists what was done only', async () => {
    const { code, stdout } = await newHome().keys(`${verb} a x -y -o name`, { service: fakeService(six()) });
    expect({ code, stdout }).toEqual({ code: 8, stdout: 'a\n' });
  });

  test('a reader that left early does not hide that some failed', async () => {
    const stdout: Sink = {
      isTerminal: false,
      isNull: false,
      write: async () => {
        throw new WriteError('standard output', Object.assign(new Error(), { code: 'EPIPE' }));
      },
    };
    const service = fakeService(six());
    const { code } = await newHome().keys(`${verb} x a b -y`, { service, stdout });
    expect(code).toBe(8);
    expect(service.calls).toContain(`${verb} key_2`);
  });

  test('an unreachable service is one error, and nothing was begun', async () => {
    const get = async () => {
      throw new KeysError('unavailable', 'no answer');
    };
    const { code, stdout } = await newHome().keys(`${verb} a b -y -o json`, {
      service: fakeService(six(), { get }),
    });
    expect({ code, stdout }).toEqual({ code: 7, stdout: '' });
  });

  test('no more than four keys are worked on at a time', async () => {
    let running = 0;
    let most = 0;
    const work = async () => {
      most = Math.max(most, ++running);
      await new Promise(setImmediate);
      running -= 1;
    };
    const service = fakeService(six(), { [verb]: work });
    const { code } = await newHome().keys([verb, ...names, '-y'], { service });
    expect({ code, most }).toEqual({ code: 0, most: 4 });
  });

  test('an interruption prints what was done, leaves the rest and exits 130', async () => {
    const controller = new AbortController();
    const service = fakeService(six(), {
      [verb]: async () => controller.abort(new KeysError('interrupted', 'interrupted')),
    });
    const { code, stdout } = await newHome().keys([verb, ...names, '-y', '-o', 'json'], {
      service,
      signal: controller.signal,
    });
    expect(code).toBe(130);
    expect(JSON.parse(stdout)).toMatchObject([
      { ok: true },
      ...names.slice(1).map(() => ({ ok: false, error: { code: 'interrupted', message: 'not begun' } })),
    ]);
  });

  test('progress is a line on a terminal, gone when the work is done, and absent in a pipe', async () => {
    const argv = [verb, ...names, '-y'];
    const seen = await newHome().keys(argv, { service: fakeService(six()), terminal: true });
    const piped = await newHome().keys(argv, { service: fakeService(six()) });
    expect(seen.stderr).toContain(`${verb}d 6 of 6`);
    expect(seen.stderr.endsWith('\r\u001b[K')).toBe(true);
    expect(piped.stderr).toBe('');
  });
});

describe('revoke', () => {
  test('without a terminal and without --yes refuses with exit 2 before any request', async () => {
    const service = fakeService(six());
    const { code, stderr } = await newHome().keys('revoke a', { service });
    expect({ code, calls: service.calls }).toEqual({ code: 2, calls: [] });
    expect(stderr).toContain('hint: add --yes');
  });

  test('what a service cannot do is told before --yes is asked for', async () => {
    const service = fakeService(six(), { capabilities: { ...ownCapabilities, verbs: ['list', 'get'] } });
    for (const argv of ['revoke a', 'regenerate a --discard'])
      expect((await newHome().keys(argv, { service })).code, argv).toBe(6);
  });

  test('of an owner says what to type with the name as a shell takes it', async () => {
    const service = fakeService(six());
    const argv = ['revoke', '-y', '--owner', 'Ann B.'];
    expect((await newHome().keys(argv, { service })).stderr).toContain("--owner 'Ann B.' --status all\n");
    expect((await newHome().keys([...argv, 'a'], { service })).stderr).toContain(
      "hint: keys revoke --owner 'Ann B.'\n",
    );
  });

  test('shows what it is about to end and asks; a no is exit 130 and changes nothing', async () => {
    const service = fakeService(six());
    const answers = [{ asked: 'Revoke these 2 keys for good?', answer: false }];
    const { code, stderr } = await newHome().keys('revoke a b x', { service, answers, terminal: true });
    expect(code).toBe(130);
    expect(stderr).toMatch(
      /^there is no key with the id or name 'x'\nNAME +ID +STATUS +LAST USED\na +key_1 +active\nb +key_2 +active\n/,
    );
    expect(service.calls.filter((call) => call.startsWith('revoke'))).toEqual([]);
  });
});
