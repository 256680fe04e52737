/** Strapi 5's API tokens through docs/examples/rest/strapi.yaml. */
import { keyServiceContract } from '../contracts/key-service.ts';
import { commandLine } from './command-line.ts';
import { capabilitiesOf, openEmptied, profileWords } from './mapped.ts';
import { sessionOf } from './session.ts';
import { startStrapi } from './strapi.ts';
import { service } from './subject.ts';

const strapi = service(startStrapi);
const capabilities = await capabilitiesOf('strapi');

async function accepts(secret: string): Promise<boolean> {
  const { status } = await fetch(`${strapi().url}/api/notes`, {
    headers: { authorization: `Bearer ${secret}` },
  });
  if (status === 200 || status === 401) return status === 200;
  throw new Error(`Strapi answers ${status}`);
}

keyServiceContract(
  'Strapi 5',
  () => openEmptied('strapi', { url: strapi().url, credential: strapi().token }),
  {
    capabilities,
    template: { roles: ['read-only'] },
    skips: { 'create refuses a description of 1,001 characters': 'the service takes it' },
  },
);

commandLine('Strapi 5', {
  capabilities,
  profile: () => profileWords('strapi', strapi().url),
  token: async () => strapi().token,
  create: "--role full-access --description 'made by a test' --expires 30d",
  edit: { words: "--description 'another one'", shows: { description: 'another one' } },
  accepts: ({ secret }) => accepts(secret),
  uniqueNames: true,
});

sessionOf('drivers/rest-examples.md', {
  example: 'strapi',
  section: 'Strapi',
  empty: async () => (await openEmptied('strapi', { url: strapi().url, credential: strapi().token })).close(),
  env: () => ({ STRAPI_URL: strapi().url }),
  credential: async () => strapi().token,
});
