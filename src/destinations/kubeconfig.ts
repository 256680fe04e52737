/**
 * How to reach a Kubernetes cluster: kubeconfig, or the service account of a pod.
 * Facts: "Organizing Cluster Access Using kubeconfig Files", "kubeconfig (v1)", "Client Authentication (v1)" and "Accessing the Kubernetes API
 * from a Pod" (kubernetes.io/docs).
 */
import { delimiter, dirname, join, resolve } from 'node:path';
import { runChild } from '../child.ts';
import { KeysError } from '../errors.ts';
import { isMissing, readSmallFile } from '../files.ts';
import { homeOf } from '../paths.ts';
import { Secret } from '../secret.ts';
import { type Fields, recordOf, textOf } from './api.ts';
import type { DestinationContext } from './index.ts';

export interface Cluster {
  readonly server: string;
  readonly serverName?: string;
  readonly proxy?: string;
  /** PEM text. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly token?: Secret;
}

const accountDirectory = '/var/run/secrets/kubernetes.io/serviceaccount';
/** Long enough to log in through a browser. */
const pluginDeadlineMs = 60_000;

/** Throws `invalid` for a configuration that cannot be used, `unauthenticated` when there is none or its plugin fails. */
export async function findCluster(context: DestinationContext, account = accountDirectory): Promise<Cluster> {
  const { env } = context;
  const home = homeOf(env);
  const usual = home === null ? '' : join(home, '.kube', 'config');
  const paths = (env.KUBECONFIG || usual).split(delimiter).filter(Boolean);
  const found = await Promise.all(paths.map((path) => readKubeconfig(context, path)));
  const files = found.filter((file) => file !== null);
  if (files.length > 0) return clusterFrom(context, files);
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = '443' } = env;
  if (host && !env.KUBECONFIG) {
    const [ca, token] = await Promise.all([
      textFile(context, join(account, 'ca.crt')),
      textFile(context, join(account, 'token')),
    ]);
    return {
      server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
      ca,
      token: context.redactor.know(new Secret(token.trim())),
    };
  }
  throw new KeysError('unauthenticated', `there is no kubeconfig at ${paths.join(' or ')}`, {
    hint: 'set KUBECONFIG to the file that kubectl uses',
  });
}

interface File {
  readonly path: string;
  readonly fields: Fields;
}

/** Whoever has many clusters has a long one. */
const longestBytes = 2 ** 23;

async function readKubeconfig({ signal }: DestinationContext, path: string): Promise<File | null> {
  const text = await readSmallFile(path, { signal, longestBytes }).catch((error: unknown) => {
    if (isMissing(error)) return null;
    signal.throwIfAborted();
    throw unusable(path, (error as Error).message);
  });
  if (text === null) return null;
  const { parse } = await import('yaml');
  try {
    return { path, fields: recordOf(parse(text)) };
  } catch (error) {
    throw unusable(path, (error as Error).message.split('\n')[0] ?? 'it is no YAML');
  }
}

async function clusterFrom(context: DestinationContext, files: readonly File[]): Promise<Cluster> {
  const paths = files.map(({ path }) => path).join(', ');
  const current = files.map(({ fields }) => textOf(fields['current-context'])).find(Boolean);
  if (!current) throw unusable(paths, 'it has no current-context', 'kubectl config use-context <name>');
  const chosen = named(files, 'contexts', 'context', current);
  const cluster = named(files, 'clusters', 'cluster', textOf(chosen.fields.cluster) ?? '');
  const user = named(files, 'users', 'user', textOf(chosen.fields.user) ?? '');
  const server = textOf(cluster.fields.server);
  if (!server) throw unusable(cluster.path, 'its cluster has no server');
  if (cluster.fields['insecure-skip-tls-verify'] === true) {
    throw unusable(
      cluster.path,
      'it skips the check of the cluster, which could give the secret to anybody',
      'set certificate-authority',
    );
  }
  const reached: Cluster = {
    server,
    serverName: textOf(cluster.fields['tls-server-name']) ?? undefined,
    proxy: textOf(cluster.fields['proxy-url']) ?? undefined,
    ca: await pemOf(context, cluster, 'certificate-authority'),
  };
  return { ...reached, ...(await credentialOf(context, user, reached)) };
}

type Credential = Pick<Cluster, 'cert' | 'key' | 'token'>;

async function credentialOf(context: DestinationContext, user: File, cluster: Cluster): Promise<Credential> {
  const { fields, path } = user;
  const know = (text: string) => context.redactor.know(new Secret(text));
  const [cert, key] = await Promise.all([
    pemOf(context, user, 'client-certificate'),
    pemOf(context, user, 'client-key'),
  ]);
  if (key) know(key);
  // As kubectl does: the file, which is renewed, before the token that stands there.
  const tokenFile = textOf(fields.tokenFile);
  const token = tokenFile ? (await textFile(context, beside(path, tokenFile))).trim() : textOf(fields.token);
  if (token) return { cert, key, token: know(token) };
  if (cert) return { cert, key };
  if (fields.exec) return askPlugin(context, recordOf(fields.exec), path, cluster);
  throw unusable(path, 'its user has no token, client certificate or exec plugin');
}

async function askPlugin(
  context: DestinationContext,
  plugin: Fields,
  path: string,
  cluster: Cluster,
): Promise<Credential> {
  const { env, signal, io, redactor } = context;
  const command = textOf(plugin.command) ?? '';
  const apiVersion = textOf(plugin.apiVersion) ?? '';
  if (!command || !/^client\.authentication\.k8s\.io\/v1(beta1)?$/.test(apiVersion)) {
    throw unusable(path, `its exec plugin '${command}' (${apiVersion}) is of no kind that is known`);
  }
  const args = Array.isArray(plugin.args) ? plugin.args.map(String) : [];
  const variables = Array.isArray(plugin.env) ? plugin.env.map(recordOf) : [];
  const own = Object.fromEntries(variables.map(({ name, value }) => [String(name), String(value)]));
  const { server, serverName, ca } = cluster;
  const info = {
    apiVersion,
    kind: 'ExecCredential',
    spec: {
      interactive: false,
      ...(plugin.provideClusterInfo === true
        ? {
            cluster: {
              server,
              'tls-server-name': serverName,
              'certificate-authority-data': ca && Buffer.from(ca).toString('base64'),
            },
          }
        : {}),
    },
  };
  const shown: Promise<void>[] = [];
  const { stdout, failure } = await runChild(
    [command.includes('/') ? beside(path, command) : command, ...args],
    {
      env: { ...env, ...own, KUBERNETES_EXEC_INFO: JSON.stringify(info) },
      signal,
      deadlineMs: pluginDeadlineMs,
      onStderr: (text) => shown.push(io.stderr.write(redactor.redact(text))),
    },
  );
  await Promise.allSettled(shown);
  if (failure !== null) {
    throw new KeysError('unauthenticated', `the credential plugin '${command}' of ${path} ${failure}`, {
      hint: textOf(plugin.installHint) ?? 'does kubectl work?',
    });
  }
  const status = recordOf(recordOf(jsonOrNull(stdout)).status);
  const [token, cert, key] = [status.token, status.clientCertificateData, status.clientKeyData].map(textOf);
  for (const secret of [token, key]) if (secret) redactor.know(new Secret(secret));
  if (!token && !(cert && key)) {
    throw new KeysError(
      'unauthenticated',
      `the credential plugin '${command}' of ${path} gave no credential`,
    );
  }
  return { token: token ? new Secret(token) : undefined, cert: cert ?? undefined, key: key ?? undefined };
}

function named(files: readonly File[], list: string, field: string, name: string): File {
  for (const { path, fields } of files) {
    const entries = Array.isArray(fields[list]) ? (fields[list] as unknown[]).map(recordOf) : [];
    const found = entries.find((entry) => entry.name === name);
    if (found) return { path, fields: recordOf(found[field]) };
  }
  throw unusable(files.map(({ path }) => path).join(', '), `it has no ${field} '${name}'`);
}

/** `<field>-data` is the text in base64, `<field>` a file beside the kubeconfig. */
async function pemOf(
  context: DestinationContext,
  { path, fields }: File,
  field: string,
): Promise<string | undefined> {
  const data = textOf(fields[`${field}-data`]);
  if (data) return Buffer.from(data, 'base64').toString('utf8');
  const file = textOf(fields[field]);
  return file ? textFile(context, beside(path, file)) : undefined;
}

function beside(path: string, file: string): string {
  return resolve(dirname(resolve(path)), file);
}

async function textFile({ signal }: DestinationContext, path: string): Promise<string> {
  return readSmallFile(path, { signal, longestBytes }).catch((error: Error) => {
    signal.throwIfAborted();
    throw new KeysError('invalid', `cannot read ${path}: ${error.message}`, { cause: error });
  });
}

function jsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function unusable(path: string, why: string, hint = 'does kubectl work with it?'): KeysError {
  return new KeysError('invalid', `the kubeconfig ${path} cannot be used: ${why}`, { hint });
}
