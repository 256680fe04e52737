import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { destinationsPage } from '../../../commands/help/destinations.ts';
import { destinationKinds } from '../../../src/destinations/index.ts';

test('the page names each destination, how to write it, and a command line with it', async () => {
  const { words, json } = await destinationsPage();
  const kinds = await destinationKinds();
  expect(json).toMatchObject(kinds.map(({ name, readable }) => ({ name, readable })));
  for (const { syntax, example } of kinds) {
    expect(words).toContain(`\n${syntax}\n`);
    expect(words).toContain(`\n  $ ${example}\n`);
  }
});

test('prose stays within 80 columns', async () => {
  const { words } = await destinationsPage();
  const prose = words.split('\n').filter((line) => !line.startsWith('  $ '));
  expect(prose.filter((line) => line.length > 80)).toEqual([]);
});

test('the guide has a section for each destination, with the same example', async () => {
  const guide = await readFile(new URL('../../../docs/destinations.md', import.meta.url), 'utf8');
  for (const { syntax, example } of await destinationKinds()) {
    const section = guide.split(/^## /m).find((each) => each.startsWith(`\`${syntax}\`\n`));
    expect(section ?? `docs/destinations.md has no section \`${syntax}\``).toContain(example);
  }
});
