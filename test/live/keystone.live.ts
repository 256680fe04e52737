/** Keystone's application credentials through docs/examples/rest/keystone.yaml. */
import type { KeyService } from '../../src/keys.ts';
import { keyServiceContract } from '../contracts/key-service.ts';
import { commandLine } from './command-line.ts';
import { startKeystone } from './keystone.ts';
import { capabilitiesOf, openEmptied, profileWords } from './mapped.ts';
import { sessionOf } from './session.ts';
import { service } from './subject.ts';

const keystone = service(startKeystone);
const capabilities = await capabilitiesOf('keystone');

function open(): Promise<KeyService> {
  const { url, token, userId } = keystone();
  return openEmptied('keystone', { url, credential: token, settings: { user: userId } });
}

keyServiceContract('Keystone 22', open, {
  capabilities,
  template: { roles: ['member'] },
  skips: { 'create refuses a description of 1,001 characters': 'the service takes it' },
});

commandLine('Keystone 22', {
  capabilities,
  profile: () => profileWords('keystone', keystone().url, { user: keystone().userId }),
  token: async () => keystone().token,
  create: "--role reader --description 'made by a test' --expires 30d",
  async accepts({ key, secret }) {
    const status = await keystone().login(key.id, secret);
    if (status === 201 || status === 401 || status === 404) return status === 201;
    throw new Error(`Keystone answers ${status}`);
  },
  uniqueNames: true,
});

sessionOf('drivers/rest-examples.md', {
  example: 'keystone',
  section: 'Keystone',
  empty: async () => (await open()).close(),
  env: () => ({ KEYSTONE_URL: keystone().url, KEYSTONE_USER: keystone().userId }),
  credential: async () => keystone().token,
});
