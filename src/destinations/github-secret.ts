import { blake2b } from '@noble/hashes/blake2.js';
import nacl from 'tweetnacl';
import { KeysError } from '../errors.ts';
import type { Secret } from '../secret.ts';
import { type Api, bearer, lazyApi, openApi, recordOf, textOf, tokenFrom } from './api.ts';
import { failing, invalidTarget } from './failure.ts';
import type { DestinationContext, DestinationKind } from './index.ts';

/**
 * Wire facts: "REST API endpoints for GitHub Actions Secrets" and "Encrypting secrets for the REST API" (docs.github.com/rest), version
 * 2022-11-28: GET …/actions/secrets/public-key gives `{key_id, key}`, PUT …/actions/secrets/{name} takes `{encrypted_value, key_id}` and
 * answers 201 (made) or 204 (replaced). Naming rules: "Using secrets in GitHub Actions". GET /repos/{owner}/{repo} tells `archived` and
 * `permissions`. "Rate limits for the REST API": beyond one the answer is 429 or 403, with `retry-after` or `x-ratelimit-remaining: 0`.
 */
export const githubSecret: DestinationKind = {
  name: 'github-secret',
  syntax: 'github-secret:OWNER/REPO#NAME',
  summary: 'a GitHub Actions secret of a repository',
  example: 'keys rotate ci-deploy --to github-secret:acme/shop#DEPLOY_TOKEN',
  detail:
    'Needs a token in GH_TOKEN or GITHUB_TOKEN that may write secrets of the repository (fine-grained: Secrets, read and write; classic: ' +
    'repo); the GITHUB_TOKEN of a workflow run may not. The secret is encrypted for the repository before it is sent. GitHub gives secrets ' +
    'to workflows only, so it cannot be read back. Whether a token that may read secrets may also write them GitHub tells only when it is ' +
    'done. GITHUB_API_URL names another GitHub than github.com.',
  readable: false,
  open(target, context) {
    const [, owner, repository, name] = /^([\w-]+)\/([\w.-]+)#(.*)$/.exec(target) ?? [];
    if (!owner || !repository || name === undefined) {
      throw invalidTarget(githubSecret, 'github-secret: needs a repository and a name');
    }
    if (!/^(?!GITHUB_)[A-Z_][A-Z0-9_]*$/i.test(name)) {
      throw invalidTarget(
        githubSecret,
        `'${name}' is no name for a secret: letters, digits and _, no digit first, not GITHUB_…`,
      );
    }
    const path = ['repos', owner, repository];
    const api = lazyApi(() => openGitHub(context));

    return {
      spec: `github-secret:${target}`,
      readable: false,
      async preflight() {
        const github = await api.use();
        const found = (await github.call({ method: 'GET', path, effect: 'read', answers: [200] })).fields();
        if (found.archived === true) {
          throw new KeysError(
            'forbidden',
            `GitHub: ${owner}/${repository} is archived, and so cannot be changed`,
          );
        }
        if (recordOf(found.permissions).push === false) {
          throw new KeysError('forbidden', `GitHub: the token may not write to ${owner}/${repository}`, {
            hint: refused,
          });
        }
        await publicKeyOf(github, path);
      },
      async deliver(secret) {
        await failing(`GitHub (${owner}/${repository})`, async () => {
          const github = await api.use();
          // Asked for again: GitHub may have changed it since.
          const { id, key } = await publicKeyOf(github, path);
          await github.call({
            method: 'PUT',
            path: [...path, 'actions', 'secrets', name],
            body: { encrypted_value: seal(secret, key).toString('base64'), key_id: id },
            effect: 'set',
            answers: [201, 204],
          });
        });
      },
      readBack: async () => null,
      abandon: () => api.close(),
    };
  },
};

const refused =
  'GH_TOKEN needs the permission to write secrets of the repository (fine-grained: Secrets, read and write)';

function openGitHub(context: DestinationContext): Promise<Api> {
  const token = tokenFrom(
    context,
    ['GH_TOKEN', 'GITHUB_TOKEN'],
    'set GH_TOKEN to a token that may write secrets of the repository',
  );
  return openApi(context, {
    name: 'GitHub',
    baseUrl: context.env.GITHUB_API_URL || 'https://api.github.com',
    headers: {
      accept: 'application/vnd.github+json',
      authorization: bearer(token),
      'x-github-api-version': '2022-11-28',
    },
    reasonOf: ({ message }) => textOf(message),
    isLimited: (answer) =>
      answer.header('retry-after') !== null || answer.header('x-ratelimit-remaining') === '0',
    hints: {
      refused,
      address: 'check GITHUB_API_URL, and the proxy',
      moved: 'was the repository renamed? otherwise check GITHUB_API_URL, and the proxy',
      missing: 'is that the name of the repository, and may the token see it?',
    },
  });
}

async function publicKeyOf(github: Api, path: readonly string[]): Promise<{ id: string; key: Uint8Array }> {
  const answer = await github.call({
    method: 'GET',
    path: [...path, 'actions', 'secrets', 'public-key'],
    effect: 'read',
    answers: [200],
  });
  const found = answer.fields();
  const id = textOf(found.key_id);
  const key = Buffer.from(textOf(found.key) ?? '', 'base64');
  if (id !== null && key.length === nacl.box.publicKeyLength) return { id, key };
  throw new KeysError('bad_response', 'GitHub: its public key makes no sense');
}

/**
 * libsodium's `crypto_box_seal`: a one-time public key, then a box to the recipient whose nonce is the BLAKE2b hash of both public keys
 * (libsodium documentation, "Sealed boxes").
 */
export function seal(secret: Secret, recipient: Uint8Array): Buffer {
  const once = nacl.box.keyPair();
  const nonce = blake2b(Buffer.concat([once.publicKey, recipient]), { dkLen: nacl.box.nonceLength });
  const box = nacl.box(Buffer.from(secret.reveal()), nonce, recipient, once.secretKey);
  return Buffer.concat([once.publicKey, box]);
}
