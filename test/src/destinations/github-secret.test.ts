import fc from 'fast-check';
import sodium from 'libsodium-wrappers';
import { expect, test } from 'vitest';
import { seal } from '../../../src/destinations/github-secret.ts';
import { type DestinationContext, openDestination } from '../../../src/destinations/index.ts';
import { Secret } from '../../../src/secret.ts';
import { destinationContext } from '../../fakes/destination-context.ts';
import { fakeGitHub } from '../../fakes/places/github.ts';
import { json } from '../../fakes/wire.ts';

async function start(env: Record<string, string> = {}, parts: Partial<DestinationContext> = {}) {
  const github = await fakeGitHub();
  const context = destinationContext({
    env: { GH_TOKEN: github.token, GITHUB_API_URL: github.url, ...env },
    ...parts,
  });
  return {
    github,
    context,
    destination: await openDestination('github-secret:acme/shop#DEPLOY_TOKEN', context),
  };
}

test('libsodium opens every sealed box', async () => {
  await sodium.ready;
  const { publicKey, privateKey } = sodium.crypto_box_keypair();
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const opened = sodium.crypto_box_seal_open(seal(new Secret(text), publicKey), publicKey, privateKey);
      expect(Buffer.from(opened)).toEqual(Buffer.from(text));
    }),
  );
});

test('a key that changes between preflight and delivery is fetched again', async () => {
  const { github, destination } = await start();
  await destination.preflight();
  github.rotateKey();
  await destination.deliver(new Secret('keys_new'));
  expect(github.secrets.get('DEPLOY_TOKEN')).toBe('keys_new');
  await destination.abandon();
});

test.each([
  ['no token', { GH_TOKEN: '' }, 'unauthenticated', /set GH_TOKEN/],
  ['a wrong token', { GH_TOKEN: 'wrong' }, 'unauthenticated', /Secrets, read and write/],
  ['nobody there', { GITHUB_API_URL: 'http://127.0.0.1:1' }, 'unavailable', /GITHUB_API_URL/],
  ['plain http', { GITHUB_API_URL: 'http://github.example.com' }, 'untrusted', /GITHUB_API_URL/],
  ['a token that was torn', { GH_TOKEN: 'two\nlines' }, 'invalid', /check the credential/],
  ['no address', { GITHUB_API_URL: 'nonsense' }, 'invalid', /GITHUB_API_URL/],
])('%s shows before anything is minted', async (_what, env, code, hint) => {
  const { destination } = await start(env);
  await expect(destination.preflight()).rejects.toMatchObject({ code, hint: expect.stringMatching(hint) });
  await destination.abandon();
});

test('a repository that is archived, or that the token may only read, shows before anything is minted', async () => {
  const { github, destination } = await start();
  github.repository.archived = true;
  await expect(destination.preflight()).rejects.toMatchObject({ code: 'forbidden' });
  github.repository.archived = false;
  github.repository.permissions.push = false;
  await expect(destination.preflight()).rejects.toMatchObject({ code: 'forbidden' });
  await destination.abandon();
});

test.each([
  ['may not be seen', json(403, { message: 'Resource not accessible by integration' }), 'forbidden'],
  ['is too short', json(200, { key_id: '1', key: Buffer.alloc(31).toString('base64') }), 'bad_response'],
  ['has no id', json(200, { key: Buffer.alloc(32).toString('base64') }), 'bad_response'],
])('a public key that %s shows before anything is minted', async (_what, answer, code) => {
  const { github, destination } = await start();
  github.next.push(json(200, github.repository), answer);
  await expect(destination.preflight()).rejects.toMatchObject({ code });
  await destination.abandon();
});

test.each([
  ['a wait', { 'retry-after': '60' }, 'try again in 1m'],
  ['nothing left', { 'x-ratelimit-remaining': '0' }, 'try again later'],
])('a 403 that says %s is a limit and no refusal', async (_what, headers, hint) => {
  const { github, destination } = await start();
  github.next.push(json(403, { message: 'You have exceeded a secondary rate limit' }, headers));
  await expect(destination.preflight()).rejects.toMatchObject({ code: 'rate_limited', hint });
  await destination.abandon();
});

test('a repository that is not there, or that was renamed, is told with what to look at', async () => {
  const { github, destination, context } = await start();
  const other = await openDestination('github-secret:acme/other#X', context);
  await expect(other.preflight()).rejects.toMatchObject({
    code: 'not_found',
    hint: expect.stringContaining('the name of the repository'),
  });
  github.next.push(json(301, { message: 'Moved Permanently' }, { location: '/repositories/1' }));
  await expect(destination.preflight()).rejects.toMatchObject({ hint: expect.stringContaining('renamed') });
  await other.abandon();
  await destination.abandon();
});

test('GITHUB_TOKEN serves when GH_TOKEN is not set, and neither is ever shown', async () => {
  const lines: string[] = [];
  const { github, destination, context } = await start(
    { GH_TOKEN: '' },
    { trace: (line) => void lines.push(line) },
  );
  const token = await openDestination('github-secret:acme/shop#X', {
    ...context,
    env: { ...context.env, GITHUB_TOKEN: github.token },
  });
  github.next.push(json(403, { message: `bad token ${github.token}` }));
  const error: Error = await token.preflight().catch((thrown) => thrown);
  expect(error.message).toBe('GitHub answered 403: bad token [secret]');
  expect(lines.join()).toContain('GET');
  expect(lines.join()).not.toContain(github.token);
  await token.abandon();
  await destination.abandon();
});

test.each([
  'acme#X',
  'acme/shop',
  'acme/shop#',
  'acme/shop#1X',
  'acme/shop#GITHUB_X',
  'acme/shop#A-B',
  'a/b/c#X',
  '../x#X',
])('github-secret:%s is refused', async (target) => {
  const opened = openDestination(`github-secret:${target}`, destinationContext());
  await expect(opened).rejects.toMatchObject({ code: 'invalid' });
});
