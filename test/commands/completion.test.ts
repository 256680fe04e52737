import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { launcher } from '../completions/shell.ts';
import { temporaryDirectory } from '../fakes/temporary.ts';
import { newHome } from '../run.ts';

const scripts = { bash: 'keys.bash', zsh: 'keys.zsh', fish: 'keys.fish', powershell: 'keys.ps1' };

describe.each(Object.entries(scripts))('keys completion %s', (shell, file) => {
  const script = readFileSync(join('completions', file), 'utf8');

  test('prints the script and nothing else', async () => {
    expect(await newHome().keys(`completion ${shell}`)).toEqual({ code: 0, stdout: script, stderr: '' });
  });

  test('says on a terminal how to install it', async () => {
    const { stdout, stderr } = await newHome().keys(`completion ${shell}`, { terminal: true });
    expect(stdout).toBe(script);
    expect(stderr).toContain(`keys completion ${shell}`);
    const [line = ''] = stderr.split('\n').filter((said) => said.startsWith('  '));
    expect(readFileSync('docs/completions.md', 'utf8')).toContain(`\n${line.trim()}\n`);
  });

  test('works from the build', () => {
    expect(execFileSync(process.execPath, [launcher, 'completion', shell], { encoding: 'utf8' })).toBe(
      script,
    );
  });
});

test('works from the npm package', () => {
  const folder = temporaryDirectory();
  const [archive = ''] = execFileSync(
    'npm',
    ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder],
    {
      encoding: 'utf8',
    },
  ).split('\n');
  execFileSync('tar', ['-xzf', join(folder, archive), '-C', folder]);
  const argv = [join(folder, 'package', 'bin', 'keys.js'), 'completion', 'bash'];
  expect(execFileSync(process.execPath, argv, { encoding: 'utf8' })).toBe(
    readFileSync('completions/keys.bash', 'utf8'),
  );
});

test.each(['/bin/zsh', '/usr/local/bin/fish'])(
  'without a shell, on a terminal, SHELL=%s tells',
  async (path) => {
    const shell = path.split('/').at(-1) ?? '';
    const { code, stderr } = await newHome().keys('completion', { terminal: true, env: { SHELL: path } });
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: expect.stringContaining(`keys completion ${shell}`),
    });
  },
);

test.each([
  ['in a pipe', { env: { SHELL: '/bin/bash' } }],
  ['on a terminal with SHELL=/bin/tcsh', { terminal: true, env: { SHELL: '/bin/tcsh' } }],
  ['on a terminal with no SHELL', { terminal: true }],
])('without a shell, %s, exits 2 and prints no script', async (_where, setup) => {
  const { code, stdout, stderr } = await newHome().keys('completion', setup);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toContain('keys completion bash');
});
