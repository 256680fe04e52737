/** A login that is killed leaves either what was there before or a profile that works. */
import { spawnSync } from 'node:child_process';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { json, scriptedService } from '../../fakes/wire.ts';
import { built, holdsText, homeEnvironment } from '../../keychain/session.ts';
import { newHome } from '../../run.ts';

const noStrace = spawnSync('strace', ['-V']).status !== 0;
const [former, latest] = ['keys_theFormerCredential', 'keys_theLatestCredential'];

test.skipIf(noStrace)(
  `killed at each sync, rename and removal, it leaves what was there or what it meant${noStrace ? ' (strace is not installed)' : ''}`,
  { timeout: 240_000 },
  async () => {
    const service = await scriptedService(
      json(200, { id: null, name: 'a', owner: null, namespace: null, roles: [] }),
    );
    const home = newHome();
    const passphrase = join(home.path, 'passphrase');
    writeFileSync(passphrase, 'pw');
    // One thread for all of them: strace counts calls by thread.
    const env = { ...homeEnvironment(home), KEYS_PASSPHRASE_FILE: passphrase, UV_THREADPOOL_SIZE: '1' };
    const login = `auth login -p prod --url ${service.url} --store file --with-token`.split(' ');
    const used = () => service.asked.at(-1)?.headers.authorization;

    const parts = ['config', 'data'].map((part) => join(home.path, part));

    for (const before of [null, former]) {
      if (before) expect(await built(login, env, before)).toMatchObject({ code: 0 });
      for (const part of before ? parts : []) cpSync(part, `${part}.before`, { recursive: true });
      let kills = 0;
      // strace counts each kind of call for itself.
      for (const call of ['fsync', 'rename', 'unlink']) {
        for (let nth = 1; await killedAt(before, call, nth); nth += 1) kills += 1;
      }
      // The credential, and at the first login the config file: synced, renamed, the directory synced; and what holds a new directory.
      expect(kills).toBe(before ? 3 : 9);
    }

    async function killedAt(before: string | null, call: string, nth: number): Promise<boolean> {
      for (const part of parts) {
        rmSync(part, { recursive: true, force: true });
        if (before) cpSync(`${part}.before`, part, { recursive: true });
      }
      const trace = join(home.path, 'trace');
      const inject = `inject=${call}:signal=SIGKILL:when=${nth}`;
      await built(login, env, latest, ['strace', '-f', '-o', trace, '-e', `trace=${call}`, '-e', inject]);
      const killed = readFileSync(trace, 'utf8').includes('killed by SIGKILL');

      const status = await built(['auth', 'status', '-p', 'prod'], env);
      if (!killed) expect([status.code, used()]).toEqual([0, `Bearer ${latest}`]);
      else if (before) expect(status).toMatchObject({ code: 0 });
      else expect(status.code).toBeOneOf([0, 3]);
      if (status.code === 0) expect(used()).toBeOneOf([before, latest].map((secret) => `Bearer ${secret}`));
      expect(holdsText(home, former) || holdsText(home, latest)).toBe(false);
      return killed;
    }
  },
);
