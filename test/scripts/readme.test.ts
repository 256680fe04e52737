/** The README's lines for scripts and CI jobs, as they stand. Its other lines are for people, and ask. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { fakeGitHub } from '../fakes/places/github.ts';
import { serverProcess } from '../fakes/server.ts';
import { newHome } from '../run.ts';
import { blocksOf } from './page.ts';
import { newShell } from './shell.ts';

const readme = '../README.md';

test('the README finds keys that expire or are unused, mints one for a job, and fails on keys against advice', async () => {
  const home = newHome();
  const env = Object.fromEntries(Object.entries(home.env).map(([name, value]) => [name, String(value)]));
  await home.keys('create left-behind', { now: Date.now() - 100 * 86_400_000 });
  await home.keys('create ends-soon --expires 5d');
  const lines = blocksOf(readme, 'sh', 'In a script');
  const { code, stdout, stderr } = await newShell().run(`set -e\n${lines}`, env);
  expect({ code, stderr }).toEqual({
    code: 9,
    stderr: expect.stringMatching(/^keys: \d findings? on .+\n$/),
  });
  expect(stdout).toMatch(/^ends-soon\nkey_\w+\tleft-behind\ttrue\t\n/);
  expect(stdout).toMatch(/^disabled\tkey_\w+\tleft-behind\b/m);
});

test('the README bootstraps and rotates in a CI job without a question and without printing a secret', async () => {
  const { url, secret } = await serverProcess();
  const github = await fakeGitHub();
  const shell = newShell();
  const credential = join(shell.path, 'credential');
  const output = join(shell.path, 'output');
  writeFileSync(credential, secret, { mode: 0o600 });
  writeFileSync(output, '');
  writeFileSync(join(shell.path, 'smoke-test.sh'), '#!/bin/sh\ntest "$(wc -c)" -eq 41\n', { mode: 0o755 });
  const lines = blocksOf(readme, 'sh', 'In CI')
    .replace('https://keys.example.com', url)
    .replace('/run/secrets/keys', credential);
  const env = {
    CI: 'true',
    GITHUB_ACTIONS: 'true',
    GITHUB_OUTPUT: output,
    GITHUB_API_URL: github.url,
    GH_TOKEN: github.token,
  };
  const first = await shell.run(`set -e\n${lines}`, env);
  expect({ code: first.code, stderr: first.code && first.stderr }).toEqual({ code: 0, stderr: 0 });
  const minted = readFileSync(output, 'utf8');
  expect(minted).toContain('deploy_key<<');
  const delivered = github.secrets.get('DEPLOY_KEY') ?? '';
  expect(delivered).toHaveLength(41);
  expect(first.stdout + first.stderr).not.toContain(delivered);
  // Again: the key is there, and nothing is minted for it.
  const again = await shell.run(lines.split('\n').slice(0, 2).join('\n'), env);
  expect(again.code).toBe(0);
  expect(readFileSync(output, 'utf8')).toBe(minted);
});
