import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseConfig } from '../../src/config-document.ts';
import { json, scriptedService } from '../fakes/wire.ts';
import { newHome } from '../run.ts';
import { blocksOf, runPage } from '../scripts/page.ts';
import { newShell } from '../scripts/shell.ts';
import { missingPrograms, startSession } from './session.ts';

const why = missingPrograms();

test.skipIf(why)(`docs/credentials.md does what it says, as written${why ? ` (${why})` : ''}`, async () => {
  const secret = 'keys_theAdministratorsOwn';
  const identity = { id: 'key_1', name: 'admin', owner: null, namespace: 'default', roles: ['owner'] };
  const service = await scriptedService((response, asked) => {
    const known = asked.headers.authorization === `Bearer ${secret}`;
    const reply = known ? json(200, identity) : json(401, { code: 'unauthenticated', detail: 'unknown' });
    reply(response, asked);
  });
  const shell = newShell();
  const { env } = await startSession(newHome(), 'unlocked');
  writeFileSync(join(shell.path, 'admin.secret'), `${secret}\n`);

  const { code, stdout, stderr } = await runPage(shell, 'credentials.md', {
    env: { DBUS_SESSION_BUS_ADDRESS: env.DBUS_SESSION_BUS_ADDRESS ?? '' },
    // Port 8787 may be taken on this machine.
    instead: { 'http://127.0.0.1:8787': service.url },
  });
  expect({ code, stderr }).toMatchObject({ code: 0 });
  expect(stdout.split('\n')).toEqual([
    '"admin"',
    'refused: 4',
    'local',
    'test',
    'pre-production',
    `{"name":"test","url":"${service.url}","store":"keychain"}`,
    '"file"',
    '"command"',
    '{"profile":"environment","source":"KEYS_TOKEN_FILE","authenticated":true}',
    'logged out: 4',
    '',
  ]);
  expect(stderr).toContain('its credential is in the keychain');
});

test('the config file of docs/credentials.md is accepted', () => {
  const { config } = parseConfig('config.yaml', blocksOf('credentials.md', 'yaml'));
  expect(config).toMatchObject({ current: 'production', profiles: { production: { store: 'command' } } });
});
