import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openDestination } from '../../../src/destinations/index.ts';
import { KeysError } from '../../../src/errors.ts';
import { Secret } from '../../../src/secret.ts';
import { describeDestination, sampleSecret } from '../../contracts/destination.ts';
import { destinationContext } from '../../fakes/destination-context.ts';
import { fakeGitHub } from '../../fakes/places/github.ts';
import { fakeGitLab } from '../../fakes/places/gitlab.ts';
import { kubeconfig } from '../../fakes/places/kubeconfig.ts';
import { fakeCluster } from '../../fakes/places/kubernetes.ts';
import { fakeVault } from '../../fakes/places/vault.ts';
import { temporaryDirectory } from '../../fakes/temporary.ts';
import { json, type Reply } from '../../fakes/wire.ts';

describeDestination('github-secret', async () => {
  const github = await fakeGitHub();
  return {
    spec: 'github-secret:acme/shop#DEPLOY_TOKEN',
    context: { env: { GH_TOKEN: github.token, GITHUB_API_URL: github.url } },
    snapshot: async () => new Map(github.secrets),
    consumed: async () => github.secrets.get('DEPLOY_TOKEN') ?? null,
    breakIt: async () => {
      github.repository.archived = true;
    },
  };
});

describeDestination('gitlab-variable', async () => {
  const gitlab = await fakeGitLab();
  return {
    spec: 'gitlab-variable:acme/shop#DEPLOY_TOKEN',
    context: { env: { GITLAB_TOKEN: gitlab.token, GITLAB_URL: gitlab.url } },
    snapshot: async () => structuredClone(gitlab.variables),
    consumed: async () => gitlab.variables.find(({ key }) => key === 'DEPLOY_TOKEN')?.value ?? null,
    breakIt: async () => {
      gitlab.scopes.splice(0);
    },
  };
});

describeDestination('kubernetes', async () => {
  const cluster = await fakeCluster();
  cluster.add('deploy', { other: Buffer.from('kept').toString('base64') });
  return {
    spec: 'kubernetes:shop/deploy#token',
    context: { env: { KUBECONFIG: await kubeconfig(cluster, { token: cluster.token }) } },
    snapshot: async () => structuredClone(cluster.secrets),
    consumed: async () => {
      const value = cluster.secrets.get('shop/deploy')?.data.token;
      return value === undefined ? null : Buffer.from(value, 'base64').toString();
    },
    breakIt: async () => {
      cluster.allowed.delete('patch');
    },
  };
});

describeDestination('vault', async () => {
  const vault = await fakeVault();
  vault.put('secret/ci/deploy', { other: 'kept' });
  return {
    spec: 'vault:secret/ci/deploy#token',
    context: { env: { VAULT_ADDR: vault.url, VAULT_TOKEN: vault.token } },
    snapshot: async () => structuredClone(vault.versions),
    consumed: async () => (vault.current('secret/ci/deploy')?.token as string | undefined) ?? null,
    breakIt: async () => {
      vault.next.push(json(503, { errors: ['Vault is sealed'] }));
      vault.next.push(...Array.from({ length: 3 }, () => json(503, { errors: ['Vault is sealed'] })));
    },
  };
});

interface Remote {
  readonly spec: string;
  readonly env: Record<string, string>;
  readonly next: (Reply | null)[];
  readonly address: RegExp;
  /** What it is asked before the write. */
  readonly before: number;
}

const remotes: Record<string, () => Promise<Remote>> = {
  async github() {
    const { token, url, next } = await fakeGitHub();
    const env = { GH_TOKEN: token, GITHUB_API_URL: url };
    return { spec: 'github-secret:acme/shop#TOKEN', env, next, before: 1, address: /GITHUB_API_URL/ };
  },
  async 'gitlab, a new variable'() {
    const { token, url, next } = await fakeGitLab();
    const env = { GITLAB_TOKEN: token, GITLAB_URL: url };
    return { spec: 'gitlab-variable:acme/shop#TOKEN', env, next, before: 2, address: /GITLAB_URL/ };
  },
  async 'gitlab, a variable that is there'() {
    const { token, url, next, add } = await fakeGitLab();
    add({ key: 'TOKEN', value: 'old_secret' });
    const env = { GITLAB_TOKEN: token, GITLAB_URL: url };
    return { spec: 'gitlab-variable:acme/shop#TOKEN', env, next, before: 1, address: /GITLAB_URL/ };
  },
  async 'kubernetes, a new Secret'() {
    const cluster = await fakeCluster();
    const env = { KUBECONFIG: await kubeconfig(cluster, { token: cluster.token }) };
    return { spec: 'kubernetes:shop/deploy#token', env, next: cluster.next, before: 1, address: /kubectl/ };
  },
  async 'kubernetes, a Secret that is there'() {
    const cluster = await fakeCluster();
    cluster.add('deploy', { other: '' });
    const env = { KUBECONFIG: await kubeconfig(cluster, { token: cluster.token }) };
    return { spec: 'kubernetes:shop/deploy#token', env, next: cluster.next, before: 1, address: /kubectl/ };
  },
  async vault() {
    const { token, url, next } = await fakeVault();
    const env = { VAULT_ADDR: url, VAULT_TOKEN: token };
    return { spec: 'vault:secret/ci/deploy#token', env, next, before: 1, address: /VAULT_ADDR/ };
  },
};

const page: Reply = (response) =>
  response.writeHead(200, { 'content-type': 'text/html' }).end('<title>Log in</title>');

const nonsense: Record<string, Reply> = {
  'a page to log in': page,
  'an empty list': json(200, []),
  'an empty object': json(200, {}),
  'an acceptance of nothing': json(202, {}),
};

for (const [place, open] of Object.entries(remotes)) {
  test.each(Object.entries(nonsense))(
    `${place}: a write that is answered with %s has not arrived`,
    async (_what, reply) => {
      const { spec, env, next, before } = await open();
      const destination = await openDestination(spec, destinationContext({ env }));
      await destination.preflight();
      next.push(...Array.from({ length: before }, () => null), reply);
      await expect(destination.deliver(new Secret(sampleSecret))).rejects.toMatchObject({
        code: 'undelivered',
      });
      expect(next).toEqual([]);
      await destination.abandon();
    },
  );

  test(`${place}: nonsense before the mint is told of that place and not of the key service`, async () => {
    const { spec, env, next, address } = await open();
    const destination = await openDestination(spec, destinationContext({ env }));
    for (const reply of [page, json(200, [])]) {
      next.push(reply);
      await expect(destination.preflight()).rejects.toMatchObject({
        code: 'bad_response',
        message: expect.stringMatching(/^(GitHub|GitLab|Kubernetes|Vault)\b/),
        hint: expect.stringMatching(address),
      });
      await destination.abandon();
    }
    await destination.abandon();
  });

  test(`${place}: what it does not accept is no matter of its address, and a long wait is told`, async () => {
    const { spec, env, next } = await open();
    const destination = await openDestination(spec, destinationContext({ env }));
    next.push(json(422, { message: 'no', errors: ['no'] }));
    await expect(destination.preflight()).rejects.toMatchObject({ code: 'invalid', hint: null });
    await destination.abandon();
    next.push(json(429, { message: 'slow' }, { 'retry-after': '3600' }));
    await expect(destination.preflight()).rejects.toMatchObject({
      code: 'rate_limited',
      message: expect.stringContaining('asks to wait 1h'),
      hint: expect.stringContaining('try again in 1h'),
    });
    await destination.abandon();
  });
}

test.skipIf(process.platform === 'win32').each([
  ['kubernetes:shop/deploy#token', 'KUBECONFIG', 'config'],
  ['vault:secret/ci/deploy#token', 'HOME', '.vault-token'],
])(
  '%s: the wait for the writer of a named pipe in place of a file ends with the run',
  async (spec, variable, name) => {
    const directory = temporaryDirectory();
    const pipe = join(directory, name);
    spawnSync('mkfifo', [pipe]);
    const interruption = new AbortController();
    const env = {
      PATH: process.env.PATH,
      VAULT_ADDR: 'http://127.0.0.1:1',
      [variable]: variable === 'HOME' ? directory : pipe,
    };
    const destination = await openDestination(spec, destinationContext({ env, signal: interruption.signal }));
    const ready = destination.preflight();
    const reason = new KeysError('interrupted', 'interrupted');
    interruption.abort(reason);
    await expect(ready).rejects.toBe(reason);
    await destination.abandon();
  },
);
