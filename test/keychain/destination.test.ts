import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { openDestination } from '../../src/destinations/index.ts';
import { Secret } from '../../src/secret.ts';
import { describeDestination } from '../contracts/destination.ts';
import { destinationContext } from '../fakes/destination-context.ts';
import { newHome } from '../run.ts';
import { missingPrograms, startDeafBus, startSession } from './session.ts';

const why = missingPrograms();

describe.skipIf(why)(`a real gnome-keyring${why ? ` (${why})` : ''}`, () => {
  describeDestination('keychain', async () => {
    const { env, end } = await startSession(newHome(), 'unlocked');
    const tool = (...words: string[]) => {
      const { stdout, stderr } = spawnSync('secret-tool', words, { env, encoding: 'utf8' });
      return stdout + stderr;
    };
    const lookup = () => tool('lookup', 'service', 'keys-secrets', 'username', 'shop-admin');
    return {
      spec: 'keychain:shop-admin',
      context: { env },
      snapshot: async () => lookup(),
      leftovers: async () => {
        const found = tool('search', '--all', 'service', 'keys-secrets');
        return [...found.matchAll(/username = (.*)/g)]
          .map(([, name = '']) => name)
          .filter((name) => name !== 'shop-admin');
      },
      consumed: async () => lookup() || null,
      breakIt: end,
    };
  });

  test.each(['locked', 'none'] as const)(
    'a keyring that is %s shows before anything is minted',
    async (keyring) => {
      const { env } = await startSession(newHome(), keyring);
      const destination = await openDestination('keychain:shop-admin', destinationContext({ env }));
      await expect(destination.preflight()).rejects.toMatchObject({
        code: 'credential_store',
        message: expect.stringMatching(
          keyring === 'none' ? 'there is none' : 'it has no keyring that is open',
        ),
        hint: expect.stringContaining('use another --to'),
      });
    },
  );

  test('an entry that is there twice is told in words', async () => {
    const { env } = await startSession(newHome(), 'unlocked');
    const attributes = ['service', 'keys-secrets', 'username', 'x'];
    for (const made of ['by', 'with'])
      spawnSync('secret-tool', ['store', '--label', 'x', ...attributes, 'made', made], { env, input: made });
    const destination = await openDestination('keychain:x', destinationContext({ env }));
    await expect(destination.deliver(new Secret('new'))).rejects.toMatchObject({
      code: 'undelivered',
      message: expect.stringContaining('it has 2 entries of this name'),
    });
  });

  test('a D-Bus that never answers shows within 3.5 seconds', async () => {
    const destination = await openDestination(
      'keychain:x',
      destinationContext({ env: await startDeafBus(newHome()) }),
    );
    const start = performance.now();
    await expect(destination.preflight()).rejects.toMatchObject({ code: 'credential_store' });
    expect(performance.now() - start).toBeLessThan(3_500);
  });

  test('a secret that is too long for a keychain is not delivered', async () => {
    const { env } = await startSession(newHome(), 'unlocked');
    const destination = await openDestination('keychain:x', destinationContext({ env }));
    await expect(destination.deliver(new Secret('x'.repeat(1_280)))).rejects.toMatchObject({
      code: 'undelivered',
    });
  });
});

test('a library that cannot be loaded is told in words', async () => {
  const env = { ...process.env, NAPI_RS_NATIVE_LIBRARY_PATH: '/nowhere' };
  const destination = await openDestination('keychain:x', destinationContext({ env }));
  await expect(destination.preflight()).rejects.toMatchObject({
    code: 'credential_store',
    message: expect.stringMatching(/its library for this system is not installed, or cannot be loaded$/),
  });
});

test.each([
  'keychain',
  'keychain:',
  'keychain:x (trial)',
  'keychain: x',
  'keychain:x\n',
  `keychain:${'x'.repeat(129)}`,
])('%j is refused', async (spec) => {
  await expect(openDestination(spec, destinationContext())).rejects.toMatchObject({ code: 'invalid' });
});
