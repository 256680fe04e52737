import { describeDestination } from '../../contracts/destination.ts';
import { fakeGitHub } from '../../fakes/places/github.ts';
import { fakeGitLab } from '../../fakes/places/gitlab.ts';
import { kubeconfig } from '../../fakes/places/kubeconfig.ts';
import { fakeCluster } from '../../fakes/places/kubernetes.ts';
import { fakeVault } from '../../fakes/places/vault.ts';
import { json } from '../../fakes/wire.ts';

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
