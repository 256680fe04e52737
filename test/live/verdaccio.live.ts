/** Verdaccio 6 through docs/examples/rest/verdaccio.yaml. */
import { keyServiceContract } from '../contracts/key-service.ts';
import { commandLine } from './command-line.ts';
import { capabilitiesOf, openEmptied, profileWords } from './mapped.ts';
import { sessionOf } from './session.ts';
import { service } from './subject.ts';
import { startVerdaccio } from './verdaccio.ts';

const verdaccio = service(startVerdaccio);
const capabilities = await capabilitiesOf('verdaccio');

function credential(): string {
  const { user, password } = verdaccio();
  return `${user}:${password}`;
}

/** A token reads the registry; one that is not there may not. */
async function accepts(secret: string): Promise<boolean> {
  const headers = { authorization: `Bearer ${secret}` };
  const { status } = await fetch(`${verdaccio().url}/-/whoami`, { headers });
  if (status === 200 || status === 401 || status === 403) return status === 200;
  throw new Error(`Verdaccio answers ${status}`);
}

keyServiceContract(
  'Verdaccio 6',
  () => openEmptied('verdaccio', { url: verdaccio().url, credential: credential() }),
  {
    capabilities,
    template: { roles: ['publisher'] },
    skips: {
      'a created key is shown as it was created, with a secret': 'the service keeps no names',
      'the name of a live key is taken': 'the service keeps no names',
    },
  },
);

commandLine('Verdaccio 6', {
  capabilities,
  profile: () => profileWords('verdaccio', verdaccio().url),
  token: async () => credential(),
  create: '--role reader',
  accepts: ({ secret }) => accepts(secret),
  nameless: true,
});

sessionOf('drivers/rest-examples.md', {
  example: 'verdaccio',
  section: 'Verdaccio',
  empty: async () =>
    (await openEmptied('verdaccio', { url: verdaccio().url, credential: credential() })).close(),
  env: () => ({ VERDACCIO_URL: verdaccio().url }),
  credential: async () => credential(),
});
