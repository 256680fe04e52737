/** The stand-ins of the services in docs/examples/rest, by the name of the example. */
import { cloudflareFake } from './cloudflare.ts';
import { cluvioFake } from './cluvio.ts';
import { elasticsearchFake } from './elasticsearch.ts';
import type { ExampleFake } from './example.ts';
import { giteaFake } from './gitea.ts';
import { gitlabFake } from './gitlab.ts';
import { grafanaFake } from './grafana.ts';
import { keystoneFake } from './keystone.ts';
import { strapiFake } from './strapi.ts';
import { unleashFake } from './unleash.ts';
import { verdaccioFake } from './verdaccio.ts';

export const exampleFakes: Readonly<Record<string, () => Promise<ExampleFake>>> = {
  cloudflare: cloudflareFake,
  cluvio: cluvioFake,
  elasticsearch: elasticsearchFake,
  gitea: giteaFake,
  gitlab: gitlabFake,
  grafana: grafanaFake,
  keystone: keystoneFake,
  strapi: strapiFake,
  unleash: unleashFake,
  verdaccio: verdaccioFake,
};
