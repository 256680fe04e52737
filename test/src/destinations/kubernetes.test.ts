import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openDestination } from '../../../src/destinations/index.ts';
import { findCluster } from '../../../src/destinations/kubeconfig.ts';
import { Secret } from '../../../src/secret.ts';
import { destinationContext } from '../../fakes/destination-context.ts';
import { kubeconfig } from '../../fakes/places/kubeconfig.ts';
import { type FakeCluster, fakeCluster } from '../../fakes/places/kubernetes.ts';
import { temporaryDirectory } from '../../fakes/temporary.ts';
import { json, lost } from '../../fakes/wire.ts';

const secret = new Secret('keys_new');
const base64 = (text: string) => Buffer.from(text).toString('base64');

async function open(
  path: string,
  env: Record<string, string | undefined> = {},
  target = 'shop/deploy#token',
) {
  const context = destinationContext({ env: { PATH: process.env.PATH, KUBECONFIG: path, ...env } });
  return { context, destination: await openDestination(`kubernetes:${target}`, context) };
}

async function start(target?: string) {
  const cluster = await fakeCluster();
  const path = await kubeconfig(cluster, { token: cluster.token });
  return { cluster, path, ...(await open(path, {}, target)) };
}

const tokenIn = (cluster: FakeCluster) => cluster.secrets.get('shop/deploy')?.data.token;

test('a Secret that is not there is made, and other keys of one that is are kept', async () => {
  const { cluster, destination } = await start();
  await destination.preflight();
  expect(cluster.secrets.size).toBe(0);
  await destination.deliver(new Secret('keys_1'));
  expect(cluster.secrets.get('shop/deploy')).toMatchObject({
    type: 'Opaque',
    data: { token: base64('keys_1') },
  });
  const stored = cluster.add(
    'deploy',
    { token: base64('keys_1'), other: base64('kept') },
    { type: 'example.com/x' },
  );
  await destination.deliver(secret);
  expect(stored).toMatchObject({
    type: 'example.com/x',
    data: { token: base64('keys_new'), other: base64('kept') },
  });
  await destination.abandon();
});

test('a Secret changed or made meanwhile is read again', async () => {
  const { cluster, destination } = await start();
  cluster.next.push(json(404, { kind: 'Status', message: 'not found', code: 404 }));
  cluster.add('deploy', { other: base64('kept') });
  await destination.deliver(secret);
  expect(tokenIn(cluster)).toBe(base64('keys_new'));
  cluster.next.push(json(200, { metadata: { resourceVersion: '1' }, data: {} }));
  await destination.deliver(new Secret('keys_other'));
  expect(cluster.secrets.get('shop/deploy')?.data).toEqual({
    other: base64('kept'),
    token: base64('keys_other'),
  });
  await destination.abandon();
});

test('a change whose answer was lost is found to be done', async () => {
  const { cluster, destination } = await start();
  const stored = cluster.add('deploy', {});
  cluster.next.push(json(200, structuredClone(stored)), (response, asked) => {
    cluster.add('deploy', { token: base64('keys_new') });
    lost(response, asked);
  });
  await destination.deliver(secret);
  expect(tokenIn(cluster)).toBe(base64('keys_new'));
  await destination.abandon();
});

test.each(['get', 'create', 'patch'])('lacking the verb %s shows before anything is minted', async (verb) => {
  const { cluster, destination } = await start();
  if (verb === 'patch') cluster.add('deploy', {});
  cluster.allowed.delete(verb);
  await expect(destination.preflight()).rejects.toMatchObject({
    code: 'forbidden',
    hint: expect.stringContaining(`kubectl auth can-i ${verb} secret`),
  });
  await destination.abandon();
});

test('a namespace that is not there, an immutable Secret, and a refusal of the cluster show before anything is minted', async () => {
  const missing = await start('none/deploy#token');
  await expect(missing.destination.preflight()).rejects.toMatchObject({ code: 'not_found' });
  await missing.destination.abandon();
  const { cluster, destination } = await start();
  const stored = cluster.add('deploy', {}, { immutable: true });
  await expect(destination.preflight()).rejects.toMatchObject({
    code: 'invalid',
    message: expect.stringContaining('immutable'),
  });
  delete stored.immutable;
  const allow = json(201, { status: { allowed: true } });
  const quota = json(403, { message: 'exceeded quota: secrets', code: 403 });
  cluster.next.push(allow, json(200, stored), allow, quota);
  await expect(destination.preflight()).rejects.toMatchObject({
    code: 'forbidden',
    message: expect.stringContaining('quota'),
  });
  await destination.abandon();
});

test('a preflight asks for a dry run and changes nothing', async () => {
  const { cluster, destination } = await start();
  const stored = cluster.add('deploy', { token: base64('old') });
  const before = structuredClone(stored);
  await destination.preflight();
  expect(stored).toEqual(before);
  const changing = cluster.asked.filter(({ method, url }) => method !== 'GET' && url.includes('/secrets'));
  expect(changing.map(({ url }) => new URL(url, cluster.url).searchParams.get('dryRun'))).toEqual(['All']);
  await destination.abandon();
});

test('each way to authenticate works', async () => {
  const cluster = await fakeCluster();
  const directory = temporaryDirectory();
  await writeFile(join(directory, 'token'), `${cluster.token}\n`);
  const plugin = join(directory, 'plugin');
  const credential = {
    apiVersion: 'client.authentication.k8s.io/v1',
    kind: 'ExecCredential',
    status: { token: cluster.token },
  };
  await writeFile(
    plugin,
    `#!/bin/sh\n[ "$1" = get-token ] && [ "$REGION" = north ] && case $KUBERNETES_EXEC_INFO in *ExecCredential*) echo '${JSON.stringify(credential)}';; esac\n`,
    { mode: 0o755 },
  );
  const { certFile, keyFile, cert, key } = cluster.client;
  const certifying = join(directory, 'certifying');
  const issued = {
    status: { clientCertificateData: cert.toString(), clientKeyData: key.toString() },
  };
  await writeFile(certifying, `#!/bin/sh\ncat <<'END'\n${JSON.stringify(issued)}\nEND\n`, { mode: 0o755 });
  const users = {
    token: { token: cluster.token },
    'token file': { tokenFile: join(directory, 'token'), token: 'stale' },
    'certificate files': { 'client-certificate': certFile, 'client-key': keyFile },
    'certificate data': {
      'client-certificate-data': cert.toString('base64'),
      'client-key-data': key.toString('base64'),
    },
    plugin: {
      exec: {
        apiVersion: 'client.authentication.k8s.io/v1',
        command: plugin,
        args: ['get-token'],
        env: [{ name: 'REGION', value: 'north' }],
      },
    },
    'plugin with a certificate, at a place seen from the kubeconfig': {
      exec: {
        apiVersion: 'client.authentication.k8s.io/v1beta1',
        command: `../${basename(directory)}/certifying`,
      },
    },
  };
  for (const [way, user] of Object.entries(users)) {
    const { destination } = await open(await kubeconfig(cluster, user));
    await destination.preflight().catch((error: Error) => expect.fail(`${way}: ${error.message}`));
    await destination.abandon();
  }
  const caFile = await kubeconfig(cluster, users.token, {
    'certificate-authority': cluster.authority.certFile,
  });
  const { destination } = await open(caFile);
  await destination.preflight();
  await destination.abandon();
});

test('a plugin is told the cluster where it is to be, and never asks a person', async () => {
  const cluster = await fakeCluster();
  const directory = temporaryDirectory();
  const plugin = join(directory, 'plugin');
  await writeFile(plugin, `#!/bin/sh\nprintf %s "$KUBERNETES_EXEC_INFO" > ${directory}/told\n`, {
    mode: 0o755,
  });
  const apiVersion = 'client.authentication.k8s.io/v1';
  for (const provideClusterInfo of [true, false]) {
    const exec = { apiVersion, command: plugin, provideClusterInfo };
    const { destination } = await open(await kubeconfig(cluster, { exec }));
    await expect(destination.preflight()).rejects.toMatchObject({ code: 'unauthenticated' });
    const told = {
      server: cluster.url,
      'certificate-authority-data': base64(cluster.authority.cert.toString()),
    };
    expect(JSON.parse(await readFile(join(directory, 'told'), 'utf8'))).toEqual({
      apiVersion,
      kind: 'ExecCredential',
      spec: { interactive: false, ...(provideClusterInfo && { cluster: told }) },
    });
    await destination.abandon();
  }
});

test("the proxy of a cluster's own is the way to it whatever NO_PROXY says, as with kubectl", async () => {
  const tunnels: (string | undefined)[] = [];
  const proxy = createServer().listen(0, '127.0.0.1');
  proxy.on('connect', ({ url }, client) => {
    tunnels.push(url);
    client.end('HTTP/1.1 403 Forbidden\r\n\r\n');
  });
  await once(proxy, 'listening');
  onTestFinished(() => void proxy.close());
  const { port } = proxy.address() as AddressInfo;
  const cluster = { server: 'https://cluster.test:6443', 'proxy-url': `http://127.0.0.1:${port}` };
  const path = await kubeconfig(await fakeCluster(), { token: 't0k3n' }, cluster);
  const { destination } = await open(path, { NO_PROXY: 'cluster.test', no_proxy: 'cluster.test' });
  await expect(destination.preflight()).rejects.toMatchObject({ code: 'unavailable' });
  await destination.abandon();
  expect(tunnels).toEqual(['cluster.test:6443']);
});

test('several files in KUBECONFIG are one configuration', async () => {
  const cluster = await fakeCluster();
  const directory = temporaryDirectory();
  const [one, two] = [join(directory, 'one'), join(directory, 'two')];
  await writeFile(one, 'current-context: c\ncontexts: [{name: c, context: {cluster: k, user: u}}]\n');
  const clusters = [
    { name: 'k', cluster: { server: cluster.url, 'certificate-authority': cluster.authority.certFile } },
  ];
  await writeFile(two, JSON.stringify({ clusters, users: [{ name: 'u', user: { token: cluster.token } }] }));
  const { destination } = await open(`${one}:/no/such/file:${two}`);
  await destination.preflight();
  await destination.abandon();
});

test('a pod uses its service account', async () => {
  const cluster = await fakeCluster();
  const account = temporaryDirectory();
  await writeFile(join(account, 'token'), cluster.token);
  await writeFile(join(account, 'ca.crt'), cluster.authority.cert);
  const { hostname, port } = new URL(cluster.url);
  const env = { HOME: account, KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port };
  const found = await findCluster(destinationContext({ env }), account);
  expect(found).toMatchObject({ server: cluster.url, ca: cluster.authority.cert.toString() });
  expect(found.token?.reveal()).toBe(cluster.token);
  const ipv6 = { HOME: account, KUBERNETES_SERVICE_HOST: 'fd00::1' };
  expect(await findCluster(destinationContext({ env: ipv6 }), account)).toMatchObject({
    server: 'https://[fd00::1]:443',
  });
  const named = { ...env, KUBECONFIG: join(account, 'none') };
  await expect(findCluster(destinationContext({ env: named }), account)).rejects.toMatchObject({
    code: 'unauthenticated',
  });
});

test('what cannot work is said before anything is minted', async () => {
  const cluster = await fakeCluster();
  const token = { token: cluster.token };
  const directory = temporaryDirectory();
  const broken = join(directory, 'broken');
  await writeFile(broken, 'a: [');
  await writeFile(join(directory, 'failing'), '#!/bin/sh\nexit 3\n', { mode: 0o755 });
  const exec = (command: string) => ({ exec: { apiVersion: 'client.authentication.k8s.io/v1', command } });
  const cases: [string, string, string][] = [
    ['no file', '/no/such/file', 'unauthenticated'],
    ['no YAML', broken, 'invalid'],
    ['no credential', await kubeconfig(cluster, {}), 'invalid'],
    ['a wrong token', await kubeconfig(cluster, { token: 'wrong' }), 'unauthenticated'],
    ['a failing plugin', await kubeconfig(cluster, exec(join(directory, 'failing'))), 'unauthenticated'],
    ['a silent plugin', await kubeconfig(cluster, exec('true')), 'unauthenticated'],
    ['another authority', await kubeconfig(cluster, token, {}), 'untrusted'],
    ['no checks', await kubeconfig(cluster, token, { 'insecure-skip-tls-verify': true }), 'invalid'],
    [
      'another name',
      await kubeconfig(cluster, token, {
        'certificate-authority': cluster.authority.certFile,
        'tls-server-name': 'other.example.com',
      }),
      'untrusted',
    ],
  ];
  for (const [what, path, code] of cases) {
    const { destination } = await open(path);
    const thrown = await destination.preflight().then(
      () => null,
      (error: { code: string }) => error.code,
    );
    expect([what, thrown]).toEqual([what, code]);
    await destination.abandon();
  }
});

test('no secret of the configuration is shown', async () => {
  const cluster = await fakeCluster();
  const directory = temporaryDirectory();
  const plugin = join(directory, 'chatty');
  await writeFile(plugin, `#!/bin/sh\necho "using ${cluster.token}" >&2\nexit 1\n`);
  await chmod(plugin, 0o755);
  const path = await kubeconfig(cluster, {
    exec: { apiVersion: 'client.authentication.k8s.io/v1', command: plugin },
  });
  const { destination, context } = await open(path);
  context.redactor.know(new Secret(cluster.token));
  await expect(destination.preflight()).rejects.toMatchObject({ code: 'unauthenticated' });
  expect(context.stderrText()).toContain('using [secret]');
  expect(dirname(plugin)).toBe(directory);
});

test('a cluster that repeats its credential in an error does not show it, whichever way it was given', async () => {
  const cluster = await fakeCluster();
  const directory = temporaryDirectory();
  const [tokenFile, command] = [join(directory, 'token'), join(directory, 'plugin')];
  await writeFile(tokenFile, cluster.token);
  await writeFile(command, `#!/bin/sh\necho '{"status":{"token":"${cluster.token}"}}'\n`, { mode: 0o755 });
  const exec = { apiVersion: 'client.authentication.k8s.io/v1', command };
  for (const user of [{ token: cluster.token }, { tokenFile }, { exec }]) {
    const { destination } = await open(await kubeconfig(cluster, user));
    cluster.next.push(json(403, { message: `${cluster.token} may not` }));
    await expect(destination.preflight()).rejects.toThrow('Kubernetes answered 403: [secret] may not');
    await destination.abandon();
  }
});

test('a cluster that repeats the secret in base64 does not show it', async () => {
  const { cluster, destination } = await start();
  cluster.next.push(null, json(422, { message: `cannot take ${base64(secret.reveal())}` }));
  await expect(destination.deliver(secret)).rejects.toThrow('422: cannot take [secret]');
  await destination.abandon();
});

const hasKubectl = spawnSync('kubectl', ['version', '--client']).status === 0;

test.skipIf(!hasKubectl)(
  'kubectl reads from the fake cluster what was delivered (it has to be installed)',
  async () => {
    const { cluster, path, destination } = await start();
    await destination.deliver(secret);
    const child = await import('node:child_process');
    const { promisify } = await import('node:util');
    const args = ['get', '--raw', '/api/v1/namespaces/shop/secrets/deploy'];
    const { stdout } = await promisify(child.execFile)('kubectl', args, {
      env: { ...process.env, KUBECONFIG: path },
    });
    expect(JSON.parse(stdout).data.token).toBe(base64('keys_new'));
    expect(cluster.secrets.size).toBe(1);
    await destination.abandon();
  },
);

test.each([
  'shop/deploy',
  'shop#token',
  'shop/deploy#',
  'Shop/deploy#x',
  'shop/de_ploy#x',
  'shop/deploy#a/b',
  'shop/deploy#..',
  '/deploy#x',
  'a/b/c#x',
])('kubernetes:%s is refused', async (target) => {
  const opened = openDestination(`kubernetes:${target}`, destinationContext());
  await expect(opened).rejects.toMatchObject({ code: 'invalid' });
});
