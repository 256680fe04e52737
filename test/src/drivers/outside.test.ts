import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { outsideDriver } from '../../../src/drivers/outside.ts';
import { temporaryDirectory } from '../../fakes/temporary.ts';

function written(source: string): string {
  const home = temporaryDirectory();
  const file = join(home, 'acme.mjs');
  writeFileSync(file, source);
  return file;
}

const opening = 'open: () => ({})';

test.each([
  ["export default () => { throw new Error('boom') };", 'boom'],
  [`export default () => ({ version: 1, capabilities: () => ({}), ${opening} });`, 'have no verbs'],
  [
    `export default () => ({ version: 1, capabilities: () => ({ verbs: [], fields: [], editable: [], filters: [] }), ${opening} });`,
    'have no title',
  ],
  [
    `export default () => ({ version: 1, capabilities: () => null.verbs, ${opening} });`,
    'Cannot read properties',
  ],
])(
  'a driver that cannot say what its service can do is invalid (exit 2), with the reason: %s',
  async (source, why) => {
    const file = written(source);
    const asked = outsideDriver(file).then((driver) => driver.capabilities());
    await expect(asked).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringContaining(why),
      hint: 'docs/drivers.md says what a driver exports',
    });
  },
);

test('what a driver refuses in its own words stays as it says it', async () => {
  const source = `export default ({ KeysError }) => ({
    version: 1, ${opening},
    capabilities() { throw new KeysError('invalid', 'the setting team is missing', { hint: '--set team=…' }); },
  });`;
  const driver = await outsideDriver(written(source));
  expect(() => driver.capabilities()).toThrowError(
    expect.objectContaining({ message: 'the setting team is missing', hint: '--set team=…' }),
  );
});
