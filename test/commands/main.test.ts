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
