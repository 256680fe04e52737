/**
 * A KV version 2 secrets engine mounted at `secret` and at `team/kv`, one of version 1 at `old`, on a loopback port, after the API documentation of Vault and
 * OpenBao: "KV secrets engine - version 2 (API)", "/sys/capabilities-self", "/sys/internal/ui/mounts".
 */
import { json, type Reply, scriptedService } from '../wire.ts';

interface Version {
  data: Record<string, unknown> | null;
  deletion_time: string;
}

export interface FakeVault {
  readonly url: string;
  readonly token: string;
  /** Versions by path below the API's `/v1/`, without `data/`: `secret/ci/deploy`; the first is version 1. */
  readonly versions: Map<string, Version[]>;
  /** What the token may do on every path. */
  capabilities: string[];
  /** The namespace that the secrets are in. */
  namespace: string | undefined;
  /** Whether the token may see which mounts there are. */
  showsMounts: boolean;
  readonly asked: readonly { method: string; url: string; body: string }[];
  readonly next: (Reply | null)[];
  current(path: string): Record<string, unknown> | null;
  put(path: string, data: Record<string, unknown>): void;
}

const mounts = [
  { path: 'secret/', version: '2' },
  { path: 'team/kv/', version: '2' },
  { path: 'old/', version: '1' },
];

export async function fakeVault(): Promise<FakeVault> {
  const versions = new Map<string, Version[]>();
  const next: (Reply | null)[] = [];
  const service = await scriptedService((response, asked) =>
    (next.shift() ?? answer(asked))(response, asked),
  );
  const fake: FakeVault = {
    url: service.url,
    token: 'hvs.test0123456789',
    versions,
    capabilities: ['create', 'read', 'update'],
    namespace: undefined,
    showsMounts: true,
    asked: service.asked,
    next,
    current: (path) => versions.get(path)?.at(-1)?.data ?? null,
    put: (path, data) =>
      void versions.set(path, [...(versions.get(path) ?? []), { data, deletion_time: '' }]),
  };

  const may = (capability: string) =>
    fake.capabilities.some((each) => each === capability || each === 'root');

  function answer({ method, url, headers, body }: Parameters<Reply>[1]): Reply {
    const denied = json(403, { errors: ['permission denied'] });
    if (headers['x-vault-request'] !== 'true') return json(412, { errors: ['missing header'] });
    if (headers['x-vault-token'] !== fake.token || headers['x-vault-namespace'] !== fake.namespace)
      return denied;
    if (url === '/v1/sys/capabilities-self' && method === 'POST') {
      const { paths } = JSON.parse(body) as { paths: string[] };
      const listed = Object.fromEntries(paths.map((path) => [path, fake.capabilities]));
      return json(200, { ...listed, data: listed });
    }
    const path = decodeURI(url.replace(/^\/v1\//, ''));
    if (path.startsWith('sys/internal/ui/mounts/')) {
      const asked = `${path.slice('sys/internal/ui/mounts/'.length)}/`;
      const mount = mounts.find((each) => asked.startsWith(each.path));
      if (!fake.showsMounts || !mount)
        return json(403, { errors: ['preflight capability check returned 403'] });
      return json(200, { data: { path: mount.path, type: 'kv', options: { version: mount.version } } });
    }
    const mount = mounts.find((each) => path.startsWith(each.path));
    if (!mount) return json(404, { errors: [`no handler for route "${path}". route entry not found.`] });
    if (mount.version === '1')
      return method === 'GET' ? json(404, { errors: [] }) : (response) => response.writeHead(204).end();
    const rest = path.slice(mount.path.length);
    if (!rest.startsWith('data/'))
      return json(404, { warnings: ['Invalid path for a versioned K/V secrets engine.'] });
    return kept(mount.path + rest.slice('data/'.length), method, body);
  }

  function kept(path: string, method: string, body: string): Reply {
    const known = versions.get(path) ?? [];
    const latest = known.at(-1);
    const metadata = {
      version: known.length,
      deletion_time: latest?.deletion_time ?? '',
      destroyed: false,
      created_time: 'x',
    };
    if (method === 'GET') {
      if (!may('read')) return json(403, { errors: ['permission denied'] });
      if (!latest) return json(404, { errors: [] });
      const gone = latest.deletion_time !== '';
      return json(gone ? 404 : 200, { data: { data: gone ? null : latest.data, metadata } });
    }
    if (method !== 'POST' && method !== 'PUT') return json(405, { errors: ['unsupported operation'] });
    if (!may(known.length === 0 ? 'create' : 'update')) return json(403, { errors: ['permission denied'] });
    const { options, data } = JSON.parse(body) as {
      options?: { cas?: number };
      data?: Record<string, unknown>;
    };
    if (!data) return json(400, { errors: ['no data provided'] });
    if (options?.cas === undefined)
      return json(400, { errors: ['check-and-set parameter required for this call'] });
    if (options.cas !== known.length)
      return json(400, { errors: ['check-and-set parameter did not match the current version'] });
    fake.put(path, data);
    return json(200, { data: { ...metadata, version: known.length + 1, deletion_time: '' } });
  }

  return fake;
}
