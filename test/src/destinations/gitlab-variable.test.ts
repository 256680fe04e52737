import { expect, test } from 'vitest';
import { openDestination } from '../../../src/destinations/index.ts';
import { Secret } from '../../../src/secret.ts';
import { destinationContext } from '../../fakes/destination-context.ts';
import { fakeGitLab } from '../../fakes/places/gitlab.ts';
import { json, lost } from '../../fakes/wire.ts';

const secret = new Secret('keys_new_secret');

async function start(target = 'acme/shop#TOKEN', env: Record<string, string> = {}) {
  const gitlab = await fakeGitLab();
  const context = destinationContext({ env: { GITLAB_TOKEN: gitlab.token, GITLAB_URL: gitlab.url, ...env } });
  return { gitlab, context, destination: await openDestination(`gitlab-variable:${target}`, context) };
}

test('a new variable is masked, not expanded, and for all environments', async () => {
  const { gitlab, destination } = await start('42#TOKEN');
  await destination.deliver(secret);
  expect(gitlab.variables).toMatchObject([
    {
      key: 'TOKEN',
      value: 'keys_new_secret',
      masked: true,
      raw: true,
      environment_scope: '*',
      protected: false,
    },
  ]);
  await destination.abandon();
});

test('an existing one keeps its protection and description, and those of other environments stay', async () => {
  const { gitlab, destination } = await start();
  gitlab.add({ value: 'old_secret', protected: true, description: 'mine' });
  gitlab.add({ value: 'other_secret', environment_scope: 'production' });
  await destination.deliver(secret);
  expect(gitlab.variables).toMatchObject([
    { value: 'keys_new_secret', masked: true, protected: true, description: 'mine' },
    { value: 'other_secret', environment_scope: 'production' },
  ]);
  await destination.abandon();
});

test('a variable made meanwhile is updated, also by an own attempt whose answer was lost', async () => {
  const { gitlab, destination } = await start();
  gitlab.next.push(json(404, { message: '404 Variable Not Found' }), json(200, []));
  gitlab.add({ value: 'made_meanwhile' });
  await destination.deliver(secret);
  expect(gitlab.variables).toMatchObject([{ value: 'keys_new_secret', masked: true }]);
  gitlab.next.push(lost);
  await destination.deliver(new Secret('keys_another'));
  expect(gitlab.variables).toMatchObject([{ value: 'keys_another' }]);
  await destination.abandon();
});

test('a variable that GitLab refuses to make is told in the words of that refusal, without the secret', async () => {
  const { gitlab, destination, context } = await start();
  context.redactor.know(secret);
  gitlab.next.push(
    json(404, { message: '404 Variable Not Found' }),
    json(200, []),
    json(400, { message: { base: [`no room for ${secret.reveal()}`] } }),
  );
  await expect(destination.deliver(secret)).rejects.toMatchObject({
    code: 'undelivered',
    message: expect.stringMatching(/400: .*no room for \[secret\]/),
  });
  await destination.abandon();
});

test.each([{ key: 'DEPLOY_TOKEN', value: 'stale' }, { value: null }])(
  'an answer that is not the variable as it was sent (%j) is no delivery',
  async (said) => {
    const { gitlab, destination } = await start();
    gitlab.add({ value: 'old' });
    await destination.preflight();
    gitlab.next.push(null, json(200, said));
    await expect(destination.deliver(secret)).rejects.toMatchObject({ code: 'undelivered' });
    await destination.abandon();
  },
);

test('a secret that GitLab would not mask is not sent to it', async () => {
  const { gitlab, destination } = await start();
  for (const text of ['short', 'with a space', 'two\nlines_of_it']) {
    await expect(destination.deliver(new Secret(text))).rejects.toMatchObject({
      code: 'undelivered',
      message: expect.stringContaining('mask'),
    });
  }
  expect(gitlab.asked.some(({ method }) => method !== 'GET')).toBe(false);
  await destination.abandon();
});

test('a hidden variable is written, and said to be unreadable', async () => {
  const { gitlab, destination } = await start();
  gitlab.add({ value: 'old_secret', hidden: true, masked: true });
  await destination.preflight();
  expect(destination.readable).toBe(false);
  await destination.deliver(secret);
  expect(gitlab.variables).toMatchObject([{ value: 'keys_new_secret' }]);
  await expect(destination.readBack()).rejects.toMatchObject({ code: 'unsupported' });
  await destination.abandon();
});

test.each([
  ['no token', 'acme/shop#TOKEN', { GITLAB_TOKEN: '' }, 'unauthenticated'],
  ['a wrong token', 'acme/shop#TOKEN', { GITLAB_TOKEN: 'wrong' }, 'unauthenticated'],
  ['an unknown project', 'acme/other#TOKEN', {}, 'not_found'],
  ['nobody there', 'acme/shop#TOKEN', { GITLAB_URL: 'http://127.0.0.1:1' }, 'unavailable'],
])('%s shows before anything is minted', async (_what, target, env, code) => {
  const { destination } = await start(target, env);
  await expect(destination.preflight()).rejects.toMatchObject({ code });
  await destination.abandon();
});

test('a token that may only read shows before anything is minted; one that cannot ask does not', async () => {
  const { gitlab, destination } = await start();
  gitlab.scopes.splice(0, 1, 'read_api');
  await expect(destination.preflight()).rejects.toMatchObject({ code: 'forbidden' });
  gitlab.next.push(
    json(404, { message: '404 Variable Not Found' }),
    json(200, []),
    json(404, { message: '404 Not Found' }),
  );
  await destination.preflight();
  await destination.abandon();
});

test('CI_SERVER_URL serves when GITLAB_URL is not set', async () => {
  const { gitlab, context } = await start();
  const env = { GITLAB_TOKEN: gitlab.token, CI_SERVER_URL: `${gitlab.url}/` };
  const destination = await openDestination('gitlab-variable:acme/shop#TOKEN', { ...context, env });
  await destination.preflight();
  await destination.abandon();
});

test.each(['acme#X', 'acme/shop', 'acme/shop#', '#X', 'acme/shop#A-B', 'acme/shop#A B', 'a b/c#X'])(
  'gitlab-variable:%s is refused',
  async (target) => {
    const opened = openDestination(`gitlab-variable:${target}`, destinationContext());
    await expect(opened).rejects.toMatchObject({ code: 'invalid' });
  },
);
