import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { fakeGitHub } from '../fakes/places/github.ts';
import { fakeGitLab } from '../fakes/places/gitlab.ts';
import { serverProcess } from '../fakes/server.ts';
import { runPage } from './page.ts';
import { newRunner } from './runner.ts';
import { newShell, type Shell } from './shell.ts';

test('docs/rotation.md does what it says, as written', async () => {
  const { code, stdout, stderr } = await runPage(newShell(), 'rotation.md');
  expect({ code, stderr }).toMatchObject({ code: 0 });
  const said = stdout.split('\n');
  expect(said).toContain('before.env: works');
  expect(said).toContain('deploy.env: works');
  expect(said).toContain('{"name":"metrics","ok":true}');
  expect(said).toContain('{"valid":false,"reason":"revoked"}');
  expect(said).toContain('the new secret works');
  expect(said).toContain('recovered');
  expect(said).toContain('the old secret stays');
});

/** A service with the key `ci-deploy`, whose administrator's secret the job will have. */
async function serviceWithKey(shell: Shell) {
  const { url, secret } = await serverProcess();
  writeFileSync(join(shell.path, 'admin'), secret, { mode: 0o600 });
  const asAdmin = { KEYS_URL: url, KEYS_TOKEN_FILE: join(shell.path, 'admin') };
  const made = await shell.run('umask 077; keys create ci-deploy -q > old.secret', asAdmin);
  expect(made).toEqual({ code: 0, stdout: '', stderr: '' });
  return {
    url,
    secret,
    works: async (text: string) => {
      writeFileSync(join(shell.path, 'tried'), text, { mode: 0o600 });
      return (await shell.run('keys verify -q < tried', asAdmin)).code === 0;
    },
    old: readFileSync(join(shell.path, 'old.secret'), 'utf8'),
  };
}

function example(name: string) {
  return parse(readFileSync(new URL(`../../docs/examples/${name}`, import.meta.url), 'utf8'));
}

type Result = Awaited<ReturnType<Shell['run']>>;

interface Step {
  readonly run?: string;
  readonly uses?: string;
  readonly with?: Record<string, string>;
  readonly env?: Record<string, string>;
}

test('docs/examples/github-actions.yml, step by step, rotates, finishes what a runner left that is gone, and prints no secret', async () => {
  const { url, secret, works, old } = await serviceWithKey(newShell());
  const runner = await newRunner();
  const github = await fakeGitHub();
  const { jobs } = example('github-actions.yml');
  let runs = 0;
  const known = (): Record<string, string> => ({
    'github.workspace': runner.path,
    'github.run_id': String(runs),
    'github.run_attempt': '1',
    'secrets.KEYS_TOKEN': secret,
    'secrets.GH_TOKEN': github.token,
  });
  const filled = (values: Record<string, string> = {}) =>
    Object.fromEntries(
      Object.entries(values).map(([name, value]) => [
        name,
        String(value).replaceAll(/\$\{\{ ([\w.]+) \}\}/g, (_whole, what: string) => known()[what] ?? ''),
      ]),
    );

  /** What is not a shell step, done as its documentation says. */
  function action(uses: string, inputs: Record<string, string>): void {
    const { path = '', key = '' } = inputs;
    if (uses === 'actions/cache/restore@v4') runner.restore(path, inputs['restore-keys'] ?? key);
    else if (uses === 'actions/cache/save@v4') runner.save(path, key);
    // The Node of the tests is there already.
    else expect({ uses, ...inputs }).toMatchObject({ uses: 'actions/setup-node@v4', 'node-version': '24' });
  }

  async function job() {
    runs += 1;
    runner.renew();
    const results: Result[] = [];
    for (const { run, uses, with: inputs, env, ...step } of jobs.rotate.steps as (Step & { if?: string })[]) {
      const failed = results.some(({ code }) => code !== 0);
      if (failed && step.if !== 'always()') continue;
      if (uses) action(uses, filled(inputs));
      const variables = {
        ...{ CI: 'true', GITHUB_ACTIONS: 'true', GITHUB_REPOSITORY: 'acme/shop', GITHUB_API_URL: github.url },
        ...{ ...filled(jobs.rotate.env), ...filled(env), KEYS_URL: url },
      };
      if (run) results.push(await runner.run(`set -e\n${run}`, variables));
    }
    return results;
  }

  const first = await job();
  expect(first.map(({ code, stderr }) => [code, code && stderr])).toEqual(Array(3).fill([0, 0]));
  const delivered = github.secrets.get('DEPLOY_TOKEN') ?? '';
  expect(await works(delivered)).toBe(true);
  expect(await works(old)).toBe(true);
  expect(JSON.stringify(first)).not.toContain(delivered);

  // A token that may only read passes all that can be checked before the mint.
  github.grant.write = false;
  const second = await job();
  expect(second.map(({ code }) => code)).toEqual([0, 0, 10]);
  expect(await works(delivered)).toBe(true);
  github.grant.write = true;
  const third = await job();
  expect(third.map(({ code }) => code)).toEqual([0, 0, 0]);
  expect(third[1]?.stderr).toContain('is finished');
  expect(await works(github.secrets.get('DEPLOY_TOKEN') ?? '')).toBe(true);
}, 300_000);

test('docs/examples/gitlab-ci.yml, line by line, rotates, keeps its journal and prints no secret', async () => {
  const { url, secret, works, old } = await serviceWithKey(newShell());
  const runner = await newRunner();
  const gitlab = await fakeGitLab();
  const job = example('gitlab-ci.yml')['rotate-ci-deploy'];
  const script = [...job.before_script, ...job.script].join('\n');
  const variables = {
    CI: 'true',
    GITLAB_CI: 'true',
    CI_PROJECT_DIR: runner.path,
    CI_PROJECT_PATH: 'acme/shop',
    CI_SERVER_URL: gitlab.url,
    GITLAB_TOKEN: gitlab.token,
    KEYS_TOKEN: secret,
    KEYS_URL: url,
    KEYS_STATE_DIR: String(job.variables.KEYS_STATE_DIR).replace('$CI_PROJECT_DIR', runner.path),
  };
  expect(job.cache.when).toBe('always');
  const [cached] = job.cache.paths as string[];
  for (const time of [1, 2]) {
    runner.renew();
    runner.restore(cached ?? '', job.cache.key);
    const { code, stdout, stderr } = await runner.run(`set -eo pipefail\n${script}`, variables);
    runner.save(cached ?? '', job.cache.key);
    expect({ time, code, stderr }).toMatchObject({ code: 0 });
    const delivered = gitlab.variables.find(({ key }) => key === 'DEPLOY_TOKEN')?.value ?? '';
    expect(await works(delivered)).toBe(true);
    expect(stdout + stderr).not.toContain(delivered);
  }
  expect(await works(old)).toBe(true);
}, 300_000);
