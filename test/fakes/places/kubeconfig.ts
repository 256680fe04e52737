/** A kubeconfig for the fake cluster, with the user given. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { temporaryDirectory } from '../temporary.ts';
import type { FakeCluster } from './kubernetes.ts';

export async function kubeconfig(
  { url, authority }: FakeCluster,
  user: object,
  cluster: object = { 'certificate-authority-data': authority.cert.toString('base64') },
): Promise<string> {
  const path = join(temporaryDirectory(), 'config');
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'test',
    contexts: [{ name: 'test', context: { cluster: 'fake', user: 'someone' } }],
    clusters: [{ name: 'fake', cluster: { server: url, ...cluster } }],
    users: [{ name: 'someone', user }],
  };
  await writeFile(path, stringify(config), { mode: 0o600 });
  return path;
}
