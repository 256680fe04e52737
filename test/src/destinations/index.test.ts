import { expect, test } from 'vitest';
import {
  destinationKinds,
  destinationNames,
  openDestination,
  parseDestination,
} from '../../../src/destinations/index.ts';
import { destinationContext } from '../../fakes/destination-context.ts';

test('what stands before the first colon is the kind, all behind it the target', () => {
  expect(parseDestination('stdout')).toEqual({ name: 'stdout', target: '' });
  expect(parseDestination('file:a:b#c')).toEqual({ name: 'file', target: 'a:b#c' });
});

test.each(['', 'fil:x', ':x', 'File:x', '__proto__', 'constructor:x', '-'])(
  'the destination %j is refused, and all kinds are named',
  (spec) => {
    expect(() => parseDestination(spec)).toThrow(
      expect.objectContaining({
        code: 'invalid',
        hint: expect.stringContaining(destinationNames.join(', ')),
      }),
    );
  },
);

test.each(['./token', '/run/token', '~/token', 'C:\\token'])('the path %s is offered as a file', (spec) => {
  expect(() => parseDestination(spec)).toThrow(
    expect.objectContaining({ hint: expect.stringContaining(`--to file:${spec}`) }),
  );
});

test('each kind explains itself under the name that it is found by', async () => {
  const kinds = await destinationKinds();
  expect(kinds.map(({ name }) => name)).toEqual(destinationNames);
  for (const { name, syntax, summary, example, detail } of kinds) {
    expect(syntax).toMatch(new RegExp(`^${name}(:|$)`));
    expect(example).toMatch(new RegExp(`^keys .*--to '?${name}`));
    expect(summary).toMatch(/^[a-z].*[^.]$/);
    expect(detail).toMatch(/\.$/);
  }
});

test('the example of each kind is written as the kind wants it', async () => {
  for (const { name, example, readable } of await destinationKinds()) {
    const spec = /--to (?:'([^']*)'|(\S+))/.exec(example)?.slice(1).find(Boolean) ?? '';
    const destination = await openDestination(spec, destinationContext());
    expect(destination.spec).toMatch(new RegExp(`^${name}(:|$)`));
    expect(destination.readable).toBe(readable);
  }
});
