import { KeysError } from '../errors.ts';
import { Secret } from '../secret.ts';
import { type Api, type ApiAnswer, bearer, lazyApi, openApi, recordOf, textOf } from './api.ts';
import { failing, invalidTarget } from './failure.ts';
import type { DestinationContext, DestinationKind } from './index.ts';
import { findCluster } from './kubeconfig.ts';

interface Found {
  readonly resourceVersion: string;
  readonly immutable: boolean;
  /** The key's value, in base64. */
  readonly value: string | null;
}

/**
 * Wire facts: "Kubernetes API: Secret" (core/v1), "SelfSubjectAccessReview" (authorization.k8s.io/v1) and "Kubernetes API Concepts" on JSON merge
 * patch, `resourceVersion` (409 when it is not the current one) and `dryRun=All` (kubernetes.io/docs/reference).
 */
export const kubernetes: DestinationKind = {
  name: 'kubernetes',
  syntax: 'kubernetes:NAMESPACE/SECRET#KEY',
  summary: 'a key of a Kubernetes Secret',
  example: 'keys rotate ci-deploy --to kubernetes:shop/deploy#token',
  detail:
    'Sets KEY and keeps the other keys of the Secret; one that is not there is made, of type Opaque. Uses the current context of KUBECONFIG or ' +
    '~/.kube/config (token, client certificate or exec plugin), or the service account of the pod it runs in. Needs the verbs get, create and ' +
    'patch on secrets. Before anything is minted the cluster is asked whether it would take the change (a dry run). Pods that have the Secret in ' +
    'an environment variable see the new value when they are restarted.',
  readable: true,
  open(target, context) {
    const [, namespace = '', name = '', key = ''] = /^([^/#]*)\/([^/#]*)#(.*)$/.exec(target) ?? [];
    const label = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
    const wellFormed =
      new RegExp(`^(?=.{1,63}$)${label}$`).test(namespace) &&
      new RegExp(`^(?=.{1,253}$)${label}(\\.${label})*$`).test(name) &&
      /^(?!\.\.?$)[-._a-zA-Z0-9]{1,253}$/.test(key);
    if (!wellFormed) throw invalidTarget(kubernetes, 'kubernetes: needs a namespace, a secret and a key');

    const secrets = ['api', 'v1', 'namespaces', namespace, 'secrets'];
    const api = lazyApi(() => openCluster(context));

    async function find(): Promise<Found | null> {
      const cluster = await api.use();
      const answer = await cluster.call({
        method: 'GET',
        path: [...secrets, name],
        effect: 'read',
        answers: [200, 404],
      });
      if (answer.status === 404) return null;
      const { metadata, immutable, data } = answer.fields();
      const resourceVersion = textOf(recordOf(metadata).resourceVersion);
      if (resourceVersion === null)
        throw new KeysError('bad_response', 'Kubernetes: the Secret has no resourceVersion');
      return { resourceVersion, immutable: immutable === true, value: textOf(recordOf(data)[key]) };
    }

    /** The Secret as it is now, or would be; 409 tells that it was made or changed meanwhile. */
    async function send(found: Found | null, value: string, dryRun: boolean): Promise<ApiAnswer> {
      const cluster = await api.use();
      const data = { [key]: value };
      const query = { fieldManager: 'keys', dryRun: dryRun ? 'All' : undefined };
      const common = { query, effect: dryRun ? 'read' : 'set', answers: [200, 201, 202, 409] } as const;
      if (found === null) {
        const body = {
          apiVersion: 'v1',
          kind: 'Secret',
          metadata: { name, namespace },
          type: 'Opaque',
          data,
        };
        return cluster.call({ ...common, method: 'POST', path: secrets, body });
      }
      return cluster.call({
        ...common,
        method: 'PATCH',
        path: [...secrets, name],
        headers: { 'content-type': 'application/merge-patch+json' },
        body: { metadata: { resourceVersion: found.resourceVersion }, data },
      });
    }

    /** False when it was made or changed meanwhile. */
    async function write(found: Found | null, value: string, { dryRun = false } = {}): Promise<boolean> {
      const answer = await send(found, value, dryRun);
      if (answer.status === 409) return false;
      if (recordOf(answer.fields().data)[key] === value) return true;
      throw new KeysError(
        'bad_response',
        `Kubernetes answered ${answer.status}, and not with the new Secret`,
      );
    }

    async function requireVerb(verb: string, secret?: string): Promise<void> {
      const cluster = await api.use();
      const answer = await cluster.call({
        method: 'POST',
        path: ['apis', 'authorization.k8s.io', 'v1', 'selfsubjectaccessreviews'],
        body: {
          apiVersion: 'authorization.k8s.io/v1',
          kind: 'SelfSubjectAccessReview',
          spec: { resourceAttributes: { namespace, verb, group: '', resource: 'secrets', name: secret } },
        },
        effect: 'read',
        answers: [200, 201, 202],
      });
      if (recordOf(answer.fields().status).allowed === true) return;
      const what = secret ? `${verb} the Secret ${secret}` : `${verb} Secrets`;
      throw new KeysError('forbidden', `Kubernetes: you may not ${what} in ${namespace}`, {
        hint: `kubectl auth can-i ${verb} ${secret ? `secret/${secret}` : 'secrets'} -n ${namespace}`,
      });
    }

    return {
      spec: `kubernetes:${target}`,
      readable: true,
      async preflight() {
        await requireVerb('get', name);
        const found = await find();
        if (found?.immutable) {
          throw new KeysError('invalid', `Kubernetes: the Secret ${namespace}/${name} is immutable`, {
            hint: 'name another one',
          });
        }
        await (found ? requireVerb('patch', name) : requireVerb('create'));
        await write(found, Buffer.from('stand-in').toString('base64'), { dryRun: true });
      },
      async deliver(secret) {
        const value = Buffer.from(secret.reveal()).toString('base64');
        context.redactor.know(new Secret(value));
        await failing(`the Secret ${namespace}/${name}`, async () => {
          for (let attempt = 1; attempt <= 5; attempt += 1) {
            const found = await find();
            if (found?.value === value) return;
            if (await write(found, value)) return;
          }
          throw new KeysError('changed', 'it is being changed all the time');
        });
      },
      async readBack() {
        const found = await find();
        if (!found?.value) return null;
        return context.redactor.know(new Secret(Buffer.from(found.value, 'base64').toString('utf8')));
      },
      abandon: () => api.close(),
    };
  },
};

async function openCluster(context: DestinationContext): Promise<Api> {
  const { server, serverName, proxy, ca, cert, key, token } = await findCluster(context);
  return openApi(context, {
    name: 'Kubernetes',
    baseUrl: server,
    serverName,
    pem: ca || cert ? { ca, cert, key } : undefined,
    env: proxy ? { HTTPS_PROXY: proxy } : context.env,
    headers: { authorization: token && bearer(token) },
    reasonOf: ({ message }) => textOf(message),
    hints: {
      refused: 'does kubectl work with the same KUBECONFIG?',
      address: 'does kubectl reach the same cluster?',
    },
  });
}
