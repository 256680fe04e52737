/** The mappings of docs/examples/rest, each through the contract of all key services, on a stand-in for its service. */
import { capabilitiesFrom } from '../../../../src/drivers/rest/capabilities.ts';
import { loadMapping } from '../../../../src/drivers/rest/load.ts';
import { keyServiceContract } from '../../../contracts/key-service.ts';
import { forTest } from '../../../fakes/open-driver.ts';
import { type ExampleFake, mappingPath, openExample } from '../../../fakes/rest/example.ts';
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

const nameless = {
  'a created key is shown as it was created, with a secret': 'the service keeps no names',
  'the name of a live key is taken': 'the service keeps no names',
};

const examples: readonly Example[] = [
  { name: 'strapi', start: strapiFake, skips: longDescription },
  {
    name: 'unleash',
    start: unleashFake,
    skips: { 'the name of a live key is taken': 'names are not unique' },
  },
  { name: 'verdaccio', start: verdaccioFake, skips: nameless },
  { name: 'keystone', start: keystoneFake, skips: longDescription },
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
