/** The mappings of docs/examples/rest, each through the contract of all key services, on a stand-in for its service. */
import { capabilitiesFrom } from '../../../../src/drivers/rest/capabilities.ts';
import { loadMapping } from '../../../../src/drivers/rest/load.ts';
import { keyServiceContract } from '../../../contracts/key-service.ts';
import { forTest } from '../../../fakes/open-driver.ts';
import { cloudflareFake } from '../../../fakes/rest/cloudflare.ts';
import { cluvioFake } from '../../../fakes/rest/cluvio.ts';
import { elasticsearchFake } from '../../../fakes/rest/elasticsearch.ts';
import { type ExampleFake, mappingPath, openExample } from '../../../fakes/rest/example.ts';
import { giteaFake } from '../../../fakes/rest/gitea.ts';
import { gitlabFake } from '../../../fakes/rest/gitlab.ts';
import { grafanaFake } from '../../../fakes/rest/grafana.ts';
import { keystoneFake } from '../../../fakes/rest/keystone.ts';
import { strapiFake } from '../../../fakes/rest/strapi.ts';
import { unleashFake } from '../../../fakes/rest/unleash.ts';
import { verdaccioFake } from '../../../fakes/rest/verdaccio.ts';

interface Example {
  readonly name: string;
  start(): Promise<ExampleFake>;
  readonly skips?: Readonly<Record<string, string>>;
}

const longDescription = { 'create refuses a description of 1,001 characters': 'the service takes it' };

const namesRepeat = { 'the name of a live key is taken': 'names are not unique' };
const nameless = {
  'a created key is shown as it was created, with a secret': 'the service keeps no names',
  'the name of a live key is taken': 'the service keeps no names',
};

const examples: readonly Example[] = [
  { name: 'strapi', start: strapiFake, skips: longDescription },
  {
    name: 'unleash',
    start: unleashFake,
    skips: namesRepeat,
  },
  { name: 'verdaccio', start: verdaccioFake, skips: nameless },
  { name: 'keystone', start: keystoneFake, skips: longDescription },
  { name: 'gitlab', start: gitlabFake, skips: namesRepeat },
  { name: 'grafana', start: grafanaFake, skips: namesRepeat },
  {
    name: 'elasticsearch',
    start: elasticsearchFake,
    skips: { ...namesRepeat, 'create refuses 33 labels': 'the service takes them' },
  },
  {
    name: 'cloudflare',
    start: cloudflareFake,
    skips: {
      ...namesRepeat,
      'an edit refuses a name that is taken': 'names are not unique',
      'revoke is at once, for good, and may be repeated': 'a deleted token is gone',
      'regenerate keeps the key, and the old secret is dead at once':
        'the service does not say when; tested below',
    },
  },
  { name: 'gitea', start: giteaFake },
  {
    name: 'cluvio',
    start: cluvioFake,
    skips: { 'a change with an old version is refused and changes nothing': 'keys have no version' },
  },
];

for (const { name, start, skips } of examples) {
  const mapping = await loadMapping(mappingPath(name));
  const fake = await start();
  await fake.close();
  keyServiceContract(`rest: ${name}`, async () => openExample(name, await forTest(start())), {
    capabilities: capabilitiesFrom(mapping),
    template: fake.template,
    skips,
  });
}
