/** The sessions of docs/drivers/rest-examples.md, run in a real shell against the stand-ins of docs/examples/rest. */
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { forTest } from '../fakes/open-driver.ts';
import { mappingPath } from '../fakes/rest/example.ts';
import { exampleFakes } from '../fakes/rest/index.ts';
import { runSession } from './page.ts';
import { newShell } from './shell.ts';

const sections: Readonly<Record<string, string>> = {
  cloudflare: 'Cloudflare',
  cluvio: 'Cluvio',
  elasticsearch: 'Elasticsearch',
  gitea: 'Gitea and Forgejo',
  gitlab: 'GitLab',
  grafana: 'Grafana',
  keystone: 'Keystone',
  strapi: 'Strapi',
  unleash: 'Unleash',
  verdaccio: 'Verdaccio',
};

test.each(Object.entries(exampleFakes))(
  'docs/drivers/rest-examples.md does what it says of %s, as written',
  async (name, start) => {
    const fake = await forTest(start());
    const shell = newShell();
    copyFileSync(mappingPath(name), join(shell.path, `${name}.yaml`));
    const { written, shown } = await runSession(shell, 'drivers/rest-examples.md', {
      env: { [`${name.toUpperCase()}_URL`]: fake.url + (fake.base ?? ''), KEYSTONE_USER: 'u1' },
      files: { 'admin.secret': fake.credential },
      section: sections[name],
    });
    expect(written).toBe(shown);
  },
);
