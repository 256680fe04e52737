/** Changes without a secret, whose server dies. */
import type { Key } from '../../src/keys.ts';
import type { Scenario } from './scenarios.ts';
import type { World } from './world.ts';

interface Change {
  readonly words: readonly string[];
  isDone(key: Key): boolean;
}

const changes: readonly Change[] = [
  { words: ['edit', 'ci', '--description', 'edited'], isDone: ({ description }) => description === 'edited' },
  { words: ['disable', 'ci'], isDone: ({ status }) => status === 'disabled' },
  { words: ['revoke', 'ci', '--yes'], isDone: ({ status }) => status === 'revoked' },
];

export const changeScenarios: readonly Scenario[] = changes.map(({ words, isDone }) => ({
  name: `${words[0]}, the server dies`,
  stdout: 'file',
  victim: 'server',
  needsKeychain: false,
  async prepare(world) {
    const { key, secret } = await world.service.create({ name: 'ci' });
    world.keyId = key.id;
    world.old = secret;
  },
  argv: () => [...words],
  async checkAfterDeath(world, status) {
    const done = isDone(await keyOf(world));
    if (status === 0 && !done) throw new Error('exit 0, and nothing was changed');
    if (status === 7 && done) throw new Error('exit 7, and it was changed');
    // 10 says that it may or may not have been done.
    if (status !== 0 && status !== 7 && status !== 10) throw new Error(`exit ${status}`);
    await checkSecret(world);
  },
  async checkAfterRecover(world) {
    await checkSecret(world);
    const left = world.unfinished();
    if (left.length > 0) throw new Error(`${left.length} operations are left after keys recover --all`);
  },
}));

function keyOf({ service, keyId }: World): Promise<Key> {
  return service.get(keyId ?? '');
}

async function checkSecret(world: World): Promise<void> {
  const { status } = await keyOf(world);
  const valid = world.old !== null && (await world.service.verify(world.old)).valid;
  if (valid !== (status === 'active')) throw new Error(`the key is ${status}, its secret valid: ${valid}`);
}
