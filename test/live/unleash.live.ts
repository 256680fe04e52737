/** Unleash 8 through docs/examples/rest/unleash.yaml: a key's secret is its address there, and stands in every list. */
import { expect, test } from 'vitest';
import type { Key, KeyService } from '../../src/keys.ts';
import { keyServiceContract } from '../contracts/key-service.ts';
import { openExample } from '../fakes/rest/example.ts';
import { commandLine } from './command-line.ts';
import { capabilitiesOf, patient, profileWords } from './mapped.ts';
import { sessionOf } from './session.ts';
import { service } from './subject.ts';
import { startUnleash } from './unleash.ts';

const unleash = service(startUnleash);
const capabilities = await capabilitiesOf('unleash');

/** Without tokens but the administrator's own. */
async function open(): Promise<KeyService> {
  const { url, token } = unleash();
  const opened = await openExample('unleash', { url, credential: token }, { http: patient });
  const { keys } = await opened.list({});
  for (const { id } of keys.filter(({ roles }) => !roles.includes('admin'))) await opened.revoke(id);
  return opened;
}

async function accepts(secret: string): Promise<boolean> {
  const { status } = await fetch(`${unleash().url}/api/client/features`, {
    headers: { authorization: secret },
  });
  if (status === 200 || status === 401) return status === 200;
  throw new Error(`Unleash answers ${status}`);
}

keyServiceContract('Unleash 8', open, {
  capabilities,
  template: { roles: ['backend'] },
  skips: { 'the name of a live key is taken': 'names are not unique' },
});

commandLine('Unleash 8', {
  capabilities,
  profile: () => profileWords('unleash', unleash().url),
  token: async () => unleash().token,
  create: '--role backend --expires 30d',
  edit: { words: '--expires 2030-01-01', shows: { expiresAt: '2030-01-02T00:00:00.000Z' } },
  accepts: ({ secret }) => accepts(secret),
  lingersMs: 65_000,
});

test('a key is named by a hash: neither its id nor its extra fields give the secret away', async () => {
  const opened = await open();
  const { key, secret } = await opened.create({ name: 'hidden', roles: ['backend'] });
  const listed = (await opened.list({})).keys.find(({ id }) => id === key.id) as Key;
  expect(JSON.stringify([key, listed])).not.toContain(secret.reveal());
  await opened.close();
});

sessionOf('drivers/rest-examples.md', {
  example: 'unleash',
  section: 'Unleash',
  empty: async () => (await open()).close(),
  env: () => ({ UNLEASH_URL: unleash().url }),
  credential: async () => unleash().token,
});
