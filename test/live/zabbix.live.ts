/** Zabbix 6, whose interface is Debian's, on Debian's PostgreSQL. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { zabbix as driver } from '../../src/drivers/zabbix.ts';
import { zabbixCapabilities as capabilities } from '../../src/drivers/zabbix-capabilities.ts';
import type { KeyService } from '../../src/keys.ts';
import { keyServiceContract } from '../contracts/key-service.ts';
import { zabbixSkips } from '../contracts/zabbix-skips.ts';
import { openDriver } from '../fakes/open-driver.ts';
import { newShell } from '../scripts/shell.ts';
import { commandLine } from './command-line.ts';
import { holdingProxy } from './holding-proxy.ts';
import { patient } from './mapped.ts';
import { sessionOf } from './session.ts';
import { service } from './subject.ts';
import { firstUser, startZabbix, type Zabbix } from './zabbix.ts';

const zabbix = service(async () => {
  const running = await startZabbix();
  return { ...running, session: String(await running.rpc('user.login', firstUser)) };
});

/** Without tokens: who asks is somebody who has logged in. */
async function open(): Promise<KeyService> {
  const { url, rpc, session } = zabbix();
  const all = (await rpc('token.get', {}, session)) as { tokenid: string }[];
  const ids = all.map(({ tokenid }) => tokenid);
  if (ids.length > 0) await rpc('token.delete', ids, session);
  return openDriver(driver, { url }, { credential: session, authorizes: true, http: patient });
}

/** Another one on each call, which ends the one before. */
async function administrator(): Promise<string> {
  const { rpc, session } = zabbix();
  const name = 'administrator';
  const [there] = (await rpc('token.get', { filter: { name } }, session)) as { tokenid: string }[];
  const made = there ? null : ((await rpc('token.create', { name }, session)) as { tokenids: string[] });
  const id = there?.tokenid ?? made?.tokenids[0];
  const [given] = (await rpc('token.generate', [id], session)) as { token: string }[];
  return given?.token ?? '';
}

async function accepts({ rpc }: Zabbix, secret: string): Promise<boolean> {
  const found = await rpc('user.get', { countOutput: true }, secret).catch((error: Error) => error);
  if (!(found instanceof Error)) return true;
  if (/Not authorized|expired/.test(found.message)) return false;
  throw found;
}

keyServiceContract('Zabbix 6', open, { capabilities, skips: zabbixSkips });

commandLine('Zabbix 6', {
  capabilities,
  profile: () => `--driver zabbix --url ${zabbix().url}`,
  token: administrator,
  create: "--description 'made by a test' --expires 30d",
  edit: { words: "--description 'another one'", shows: { description: 'another one' } },
  accepts: ({ secret }) => accepts(zabbix(), secret),
  uniqueNames: true,
});

test('killed between token.create and token.generate, one recover ends the token and makes a good one', async () => {
  const shell = newShell();
  const proxy = await holdingProxy(zabbix().url, 'token.generate', join(shell.path, 'held'));
  onTestFinished(() => proxy.stop());
  writeFileSync(join(shell.path, 'credential'), await administrator());
  const env = { KEYS_DRIVER: 'zabbix', KEYS_URL: proxy.url, KEYS_TOKEN_FILE: join(shell.path, 'credential') };
  const named = async () =>
    (await zabbix().rpc('token.get', { filter: { name: 'nightly' } }, zabbix().session)) as {
      tokenid: string;
    }[];

  const killed = await shell.run(
    `keys create nightly --to file:nightly.secret & pid=$!
     until [ -e held ]; do sleep 0.05; done
     kill -9 $pid; wait $pid; echo $?; ls nightly.secret`,
    env,
  );
  expect(killed.stdout).toBe('137\n');
  const [half] = await named();
  expect(half).toBeDefined();

  const recovered = await shell.run(
    'keys recover --all --yes && keys verify < nightly.secret && keys recover',
    env,
  );
  expect(recovered).toMatchObject({ code: 0, stdout: expect.stringContaining('nightly') });
  const [whole, ...others] = await named();
  expect(others).toEqual([]);
  expect(whole?.tokenid).not.toBe(half?.tokenid);
});

sessionOf('drivers/zabbix.md', {
  empty: async () => (await open()).close(),
  env: () => ({ ZABBIX_URL: zabbix().url }),
  credential: async () => zabbix().session,
});
