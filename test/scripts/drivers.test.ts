/** The sessions of docs/drivers, run in a real shell against the vendors' stand-ins, and their output as the pages show it. */
import { expect, test } from 'vitest';
import { cloudCasaFake } from '../fakes/cloudcasa.ts';
import { kubeVisionFake } from '../fakes/kubevision.ts';
import { forTest } from '../fakes/open-driver.ts';
import { unheardOfFake } from '../fakes/rest/unheard-of.ts';
import { listeningService } from '../fakes/server.ts';
import { ververicaFake } from '../fakes/ververica.ts';
import { zabbixFake } from '../fakes/zabbix.ts';
import { runSession } from './page.ts';
import { newShell } from './shell.ts';

test('docs/drivers/keys.md does what it says, as written', async () => {
  const service = await listeningService();
  const { secret } = await service.mint({ name: 'admin', roles: ['admin'] });
  const { written, shown } = await runSession(newShell(), 'drivers/keys.md', {
    env: { KEYS_SERVICE: service.url },
    files: { 'admin.secret': secret },
  });
  expect(written).toBe(shown);
});

test('docs/drivers/ververica.md does what it says, as written', async () => {
  const fake = await forTest(ververicaFake());
  const { written, shown } = await runSession(newShell(), 'drivers/ververica.md', {
    env: { VVP_URL: fake.url },
    files: { 'owner.secret': fake.ownerSecret },
  });
  expect(written).toBe(shown);
});

test('docs/drivers/cloudcasa.md does what it says, as written', async () => {
  const fake = await forTest(cloudCasaFake());
  const { written, shown } = await runSession(newShell(), 'drivers/cloudcasa.md', {
    env: { CLOUDCASA_URL: `${fake.url}/api/v1` },
    files: { 'admin.secret': fake.adminSecret },
  });
  expect(written).toBe(shown);
});

test('docs/drivers/kubevision.md does what it says, as written', async () => {
  const fake = await forTest(kubeVisionFake());
  const { written, shown } = await runSession(newShell(), 'drivers/kubevision.md', {
    env: { KUBEVISION_URL: `${fake.url}/api/v1` },
    files: { 'admin.secret': fake.adminSecret },
  });
  expect(written).toBe(shown);
});

test('docs/drivers/zabbix.md does what it says, as written', async () => {
  const fake = await forTest(zabbixFake());
  const { written, shown } = await runSession(newShell(), 'drivers/zabbix.md', {
    env: { ZABBIX_URL: fake.url },
    files: { 'admin.secret': fake.session },
  });
  expect(written).toBe(shown);
});

test('docs/rest-driver.md connects a service that nobody has heard of, as written', async () => {
  const fake = await forTest(unheardOfFake());
  const { written, shown } = await runSession(newShell(), 'rest-driver.md', {
    env: { ACME_URL: fake.url },
    files: { 'admin.secret': fake.credential },
  });
  expect(written).toBe(shown);
});
