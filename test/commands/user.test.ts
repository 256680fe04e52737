import { expect, test } from 'vitest';
import type { Key } from '../../src/keys.ts';
import type { Namespace, Role, User } from '../../src/users.ts';
import { fakeService } from '../fakes/service.ts';
import { newHome } from '../run.ts';

test('users are made, listed, edited, disabled and enabled', async () => {
  const home = newHome();
  await home.json<Namespace>('namespace create team-a --quota 2');
  const bob = await home.json<User>('user create bob --member team-a=owner');
  expect(bob).toMatchObject({
    ...{ name: 'bob', role: 'member', status: 'active', hasPassword: false },
    memberships: [{ namespace: 'team-a', role: 'owner' }],
  });
  const edited = await home.json<User>('user edit bob --role admin --leave team-a');
  expect(edited).toMatchObject({ role: 'admin', memberships: [] });
  expect((await home.keys('user disable bob -y')).code).toBe(5);
  // The first key makes the user of this machine an admin.
  await home.keys('create demo -q');
  expect((await home.json<User>('user disable bob -y')).status).toBe('disabled');
  expect((await home.json<User>('user enable bob')).status).toBe('active');
  expect((await home.json<User[]>('user list')).map(({ name }) => name)).toContain('bob');
});

test('a membership in a namespace that is not there is refused by its name', async () => {
  const home = newHome();
  const there = ['namespace create team-a', 'user create ann'];
  for (const line of there) expect((await home.keys(line)).code).toBe(0);
  for (const line of [
    'create bob --member team-a=owner --member nowhere=viewer',
    'edit ann --member nowhere=viewer',
  ]) {
    expect(await home.keys(`user ${line}`)).toMatchObject({
      code: 3,
      stderr: "keys: there is no namespace 'nowhere'\nhint: make it first: keys namespace create nowhere\n",
    });
  }
  expect((await home.json<User[]>('user list')).map(({ name }) => name)).toEqual(['ann']);
});

test('an edit of which a part is done says so, whatever stopped it: exit 8', async () => {
  const home = newHome();
  expect((await home.keys('user create ann')).code).toBe(0);
  expect(await home.keys('user edit ann --role admin --member nowhere=viewer')).toMatchObject({
    code: 8,
    stdout: '',
    stderr: expect.stringContaining("ann is changed only in part: there is no namespace 'nowhere'"),
  });
  expect(await home.json<User[]>('user list')).toMatchObject([{ name: 'ann', role: 'admin' }]);
});

test('a password is typed twice, or comes from standard input, and is in no output', async () => {
  const home = newHome();
  const answers = [
    { asked: 'New password', answer: 'correct horse' },
    { asked: 'again', answer: 'correct horse' },
  ];
  const typed = await home.keys('user create ann --password -o json', { answers, terminal: true });
  expect(typed.code).toBe(0);
  expect(JSON.parse(typed.stdout)).toMatchObject({ hasPassword: true });
  const piped = await home.keys('user create bob --password-file - -o json', { stdin: 'battery staple\n' });
  expect(piped.code).toBe(0);
  for (const { stdout, stderr } of [typed, piped]) expect(stdout + stderr).not.toMatch(/horse|staple/);
  const differ = [answers[0]!, { asked: 'again', answer: 'other' }];
  expect((await home.keys('user edit bob --password', { answers: differ, terminal: true })).code).toBe(2);
  expect((await home.keys('user edit bob --password')).code).toBe(2);
  expect((await home.keys('user edit bob')).code).toBe(2);
});

test('user disable asks, and without a terminal refuses', async () => {
  const home = newHome();
  await home.keys('user create bob');
  expect((await home.keys('user disable bob')).code).toBe(2);
  const no = [{ asked: 'Disable this user?', answer: false }];
  expect((await home.keys('user disable bob', { answers: no, terminal: true })).code).toBe(130);
  expect((await home.json<User[]>('user list'))[0]?.status).toBe('active');
});

test('namespaces and roles are made, listed and edited', async () => {
  const home = newHome();
  await home.json('namespace create free --quota 0');
  const refused = await home.keys('create demo -n free');
  expect(refused.code).toBe(5);
  expect(refused.stderr).toContain("not on the plan of the namespace 'free'");
  expect((await home.json<Namespace>('namespace edit free --quota default')).quota).toBeNull();
  expect((await home.keys('namespace edit free')).code).toBe(2);
  expect((await home.keys('namespace edit nowhere --quota 1')).code).toBe(3);
  const role = await home.json<Role>('role create deployer --permission deployments.* --permission *.view');
  expect(role).toEqual({ name: 'deployer', permissions: ['deployments.*', '*.view'], builtIn: false });
  await home.json('role edit deployer --permission deployments.view');
  expect((await home.keys('role edit owner --permission a.b')).code).toBe(5);
  const names = (await home.json<Role[]>('role list')).map(({ name }) => name);
  expect(names).toEqual(['viewer', 'editor', 'owner', 'admin', 'deployer']);
  expect((await home.keys('create view --type view --role deployer -q')).code).toBe(0);
});

test('revoke --owner ends all keys of a leaver, after showing them', async () => {
  const home = newHome();
  await home.keys('user create bob');
  for (const argv of ['one --role viewer', 'two --role viewer -n team']) {
    expect((await home.keys(`create ${argv} --owner bob -q`)).code).toBe(0);
  }
  await home.keys('create mine -q');
  expect((await home.json<Key[]>('list --owner bob --all-namespaces')).length).toBe(2);
  expect((await home.keys('revoke --owner bob')).code).toBe(2);
  const asked = [{ asked: 'Revoke these 2 keys for good?', answer: true }];
  const { code, stderr } = await home.keys('revoke --owner bob', { answers: asked, terminal: true });
  expect(stderr).toMatch(/one[\s\S]*two|two[\s\S]*one/);
  expect(code).toBe(0);
  expect((await home.json<Key[]>('list --all-namespaces')).map(({ name }) => name)).toEqual(['mine']);
  expect((await home.keys('revoke --owner bob -y')).code).toBe(3);
  expect((await home.keys('revoke mine --owner bob -y')).code).toBe(2);
});

test('a key of an unknown owner is refused with what to type next', async () => {
  const home = newHome();
  const { code, stderr } = await home.keys('create demo --owner bbo');
  expect({ code, stderr }).toEqual({
    code: 2,
    stderr: "keys: there is no user 'bbo'\nhint: keys user create bbo\n",
  });
});

test('a service without users, namespaces or roles exits 6 and is named', async () => {
  const home = newHome();
  const service = fakeService();
  const without = { ...service, capabilities: { ...service.capabilities, title: 'Other' } };
  for (const argv of ['user list', 'namespace list', 'role list', 'user disable bob -y']) {
    const { code, stderr } = await home.keys(argv, { service: without });
    expect({ argv, code }).toEqual({ argv, code: 6 });
    expect(stderr).toMatch(/^keys: Other administers no (users|namespaces|roles) through keys\n/);
  }
});

test("verify says whose owner is disabled, when it is not the key's own doing", async () => {
  const home = newHome();
  await home.keys('user create bob');
  const secret = (await home.keys('create bobs --role viewer --owner bob -q')).stdout;
  await home.keys('user disable bob -y');
  const { code, stderr } = await home.keys('verify', { stdin: secret });
  expect(code).toBe(9);
  expect(stderr).toContain('its owner bob is disabled');
});
