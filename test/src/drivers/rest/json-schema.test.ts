import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { mappingJsonSchema } from '../../../../src/drivers/rest/json-schema.ts';
import { loadMapping } from '../../../../src/drivers/rest/load.ts';

const examples = new URL('../../../../docs/examples/rest/', import.meta.url);
const names = readdirSync(examples);

test('schemas/rest-mapping.json is what the driver reads; npx vitest run json-schema -u brings it up to date', async () => {
  const text = `${JSON.stringify(mappingJsonSchema(), null, 2)}\n`;
  await expect(text).toMatchFileSnapshot('../../../../schemas/rest-mapping.json');
});

test('an editor with the schema lets names be numbers, as in codes: { 404: unavailable }', () => {
  const { properties } = mappingJsonSchema() as { properties: { errors: { properties: { codes: object } } } };
  expect(properties.errors.properties.codes).toMatchObject({ propertyNames: { pattern: '^[2-5]\\d\\d$' } });
  expect(JSON.stringify(properties)).not.toContain('"propertyNames":{"type"');
});

test.each(names)('%s names the schema for editors, and can be loaded', async (name) => {
  const url = new URL(name, examples);
  expect(readFileSync(url, 'utf8').split('\n', 1)).toEqual([
    '# yaml-language-server: $schema=../../../schemas/rest-mapping.json',
  ]);
  expect((await loadMapping(url.pathname)).title).not.toBe('');
});
