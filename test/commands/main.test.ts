import { expect, test } from 'vitest';
import { newHome } from '../run.ts';

test('--version prints the version on stdout and exits 0', async () => {
  const { code, stdout, stderr } = await newHome().keys('--version');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
});

test('an unknown option exits 2, says so on stderr and prints no result', async () => {
  const { code, stdout, stderr } = await newHome().keys('list --bogus');
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toContain("unknown option '--bogus'");
});

test('with -o json an error is one JSON object on stderr', async () => {
  const { code, stdout, stderr } = await newHome().keys('list --bogus -o json');
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(JSON.parse(stderr)).toEqual({
    error: {
      code: 'invalid',
      message: "unknown option '--bogus'",
      hint: expect.any(String),
      requestId: null,
    },
  });
});

test.each([
  ['--json -o csv', /^id,name,/],
  ['-o csv --json', /^\[\]\n$/],
  ['--json -o yaml -o ndjson', /^$/],
])('of several formats the last one given holds: %s', async (options, printed) => {
  expect((await newHome().keys(`list ${options}`)).stdout).toMatch(printed);
});

test('an error is JSON where the result would have been, and only there', async () => {
  expect((await newHome().keys('show nope --json -o csv')).stderr).toMatch(/^keys: /);
  expect(JSON.parse((await newHome().keys('show nope -o csv --json')).stderr)).toHaveProperty('error');
});

test.each(['0', 'false', ''])('KEYS_DEBUG=%j traces nothing', async (value) => {
  const { code, stderr } = await newHome().keys('show nope', { env: { KEYS_DEBUG: value } });
  expect({ code, stderr }).toEqual({ code: 3, stderr: expect.not.stringContaining('    at ') });
});
