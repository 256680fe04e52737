/**
 * GitHub's Actions secrets on a loopback port, after "REST API endpoints for GitHub Actions Secrets" (docs.github.com/rest, version
 * 2022-11-28). It opens the sealed boxes with libsodium itself.
 */
import sodium from 'libsodium-wrappers';
import { json, type Reply, scriptedService } from '../wire.ts';

export interface FakeGitHub {
  readonly url: string;
  readonly token: string;
  /** Secrets in plain text, by upper-case name. */
  readonly secrets: Map<string, string>;
  readonly asked: readonly { method: string; url: string }[];
  /** What the repository says of itself. */
  readonly repository: { archived: boolean; permissions: { push: boolean; pull: boolean } };
  /** What the token may do with secrets, besides reading them. */
  readonly grant: { write: boolean };
  /** Answers to come in place of its own; `null` for its own. */
  readonly next: (Reply | null)[];
  /** A new key pair: what was sealed for the old one is refused. */
  rotateKey(): void;
}

const documentation_url = 'https://docs.github.com/rest/actions/secrets';

export async function fakeGitHub(): Promise<FakeGitHub> {
  await sodium.ready;
  const token = 'github_pat_test0123456789';
  const secrets = new Map<string, string>();
  const repository = { archived: false, permissions: { push: true, pull: true } };
  const grant = { write: true };
  const next: (Reply | null)[] = [];
  let pair = sodium.crypto_box_keypair();
  let keyId = '568250167242549743';

  const service = await scriptedService((response, asked) => {
    const scripted = next.shift();
    const reply = scripted ?? answer(asked);
    reply(response, asked);
  });

  function answer({ method, url, headers, body }: Parameters<Reply>[1]): Reply {
    const refuse = (status: number, message: string) =>
      json(status, { message, documentation_url, status: String(status) });
    if (!headers['user-agent']) return refuse(403, 'Request forbidden by administrative rules.');
    if (headers.authorization !== `Bearer ${token}`) return refuse(401, 'Bad credentials');
    if (headers['x-github-api-version'] !== '2022-11-28') return refuse(400, 'Unsupported API version');
    const [, path] = /^\/repos\/acme\/shop(\/.*)?$/.exec(url) ?? [];
    if (!url.startsWith('/repos/acme/shop')) return refuse(404, 'Not Found');
    if (method === 'GET' && path === undefined) return json(200, { full_name: 'acme/shop', ...repository });
    if (method === 'GET' && path === '/actions/secrets/public-key') {
      return json(200, {
        key_id: keyId,
        key: sodium.to_base64(pair.publicKey, sodium.base64_variants.ORIGINAL),
      });
    }
    const [, name] = /^\/actions\/secrets\/([A-Za-z_][A-Za-z0-9_]*)$/.exec(path ?? '') ?? [];
    if (method !== 'PUT' || !name || name.toUpperCase().startsWith('GITHUB_'))
      return refuse(404, 'Not Found');
    if (repository.archived) return refuse(403, 'Repository was archived so is read-only.');
    if (!grant.write) return refuse(403, 'Resource not accessible by personal access token');
    const sent = JSON.parse(body) as Record<string, unknown>;
    const unknown = Object.keys(sent).filter((field) => !['encrypted_value', 'key_id'].includes(field));
    if (sent.key_id !== keyId || unknown.length > 0) return refuse(422, 'Validation Failed');
    const made = !secrets.has(name.toUpperCase());
    const box = sodium.from_base64(String(sent.encrypted_value), sodium.base64_variants.ORIGINAL);
    const opened = sodium.crypto_box_seal_open(box, pair.publicKey, pair.privateKey);
    secrets.set(name.toUpperCase(), sodium.to_string(opened));
    return made ? json(201, {}) : (response) => response.writeHead(204).end();
  }

  return {
    url: service.url,
    token,
    secrets,
    asked: service.asked,
    repository,
    grant,
    next,
    rotateKey() {
      pair = sodium.crypto_box_keypair();
      keyId = String(Number(keyId.slice(0, 9)) + 1);
    },
  };
}
