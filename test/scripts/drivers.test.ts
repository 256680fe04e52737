/** The sessions of docs/drivers, run in a real shell against the vendors' stand-ins, and their output as the pages show it. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { cloudCasaFake } from '../fakes/cloudcasa.ts';
import { kubeVisionFake } from '../fakes/kubevision.ts';
import { forTest } from '../fakes/open-driver.ts';
import { unheardOfFake } from '../fakes/rest/unheard-of.ts';
import { ververicaFake } from '../fakes/ververica.ts';
import { zabbixFake } from '../fakes/zabbix.ts';
import { newShell } from './shell.ts';

/** Runs a page with a secret in a file of this name; what its last `sh` block wrote is what the `text` block after it shows. */
async function runPage(
  name: string,
  env: Record<string, string>,
  file: string,
  secret: string,
): Promise<void> {
  const page = readFileSync(new URL(`../../docs/${name}.md`, import.meta.url), 'utf8');
  const blocks = [...page.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block]) => block ?? '');
  const session = blocks.at(-1) ?? '';
  const shown = page.slice(page.indexOf(session) + session.length).match(/^```text\n([\s\S]*?)^```$/m)?.[1];
  const shell = newShell();
  writeFileSync(join(shell.path, file), secret);
  writeFileSync(join(shell.path, 'passphrase'), 'a long enough passphrase');
  const all = { ...env, KEYS_PASSPHRASE_FILE: join(shell.path, 'passphrase') };
  const before = await shell.run(`set -e\n${blocks.slice(0, -1).join('\n')}`, all);
  expect(before).toMatchObject({ code: 0 });
  const { stdout } = await shell.run(`exec 2>&1\n${session}`, all);
  // Where and when it was run is the one thing that differs.
  const written = stdout
    .replaceAll(shell.path, '/home/you')
    .replaceAll(/expires \d{4}-\d\d-\d\d/g, 'expires 2027-01-31');
  expect(written).toBe(shown);
}

test('docs/drivers/ververica.md does what it says, as written', async () => {
  const fake = await forTest(ververicaFake());
  await runPage('drivers/ververica', { VVP_URL: fake.url }, 'owner.secret', fake.ownerSecret);
});

test('docs/drivers/cloudcasa.md does what it says, as written', async () => {
  const fake = await forTest(cloudCasaFake());
  await runPage(
    'drivers/cloudcasa',
    { CLOUDCASA_URL: `${fake.url}/api/v1` },
    'admin.secret',
    fake.adminSecret,
  );
});

test('docs/drivers/kubevision.md does what it says, as written', async () => {
  const fake = await forTest(kubeVisionFake());
  await runPage(
    'drivers/kubevision',
    { KUBEVISION_URL: `${fake.url}/api/v1` },
    'admin.secret',
    fake.adminSecret,
  );
});

test('docs/rest-driver.md connects a service that nobody has heard of, as written', async () => {
  const fake = await forTest(unheardOfFake());
  await runPage('rest-driver', { ACME_URL: fake.url }, 'admin.secret', fake.credential);
});

test('docs/drivers/zabbix.md does what it says, as written', async () => {
  const fake = await forTest(zabbixFake());
  await runPage('zabbix', { ZABBIX_URL: fake.url }, 'admin.secret', fake.session);
});
