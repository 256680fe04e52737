/** The promise to CI jobs: with KEYS_URL and a token, neither the config file nor the keychain is even opened. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { json, scriptedService } from '../../fakes/wire.ts';
import { built, homeEnvironment } from '../../keychain/session.ts';
import { newHome } from '../../run.ts';

const noStrace = spawnSync('strace', ['-V']).status !== 0;

test.skipIf(noStrace)(
  `the built command opens neither${noStrace ? ' (strace is not installed)' : ''}`,
  async () => {
    const home = newHome();
    const service = await scriptedService(json(200, { keys: [], nextCursor: null }));
    mkdirSync(join(home.path, 'config'));
    writeFileSync(join(home.path, 'config', 'config.yaml'), ']');
    const token = join(home.path, 'token');
    writeFileSync(token, 'keys_fromTheFile\n');

    const env = {
      ...homeEnvironment(home),
      KEYS_URL: service.url,
      KEYS_DRIVER: 'keys',
      KEYS_TOKEN_FILE: token,
    };
    const opened = await traced(env);
    expect(service.asked[0]?.headers.authorization).toBe('Bearer keys_fromTheFile');
    expect(opened).toContain(token);
    expect(opened).not.toContain(join(home.path, 'config'));
    expect(opened).not.toMatch(/keyring|keychain|execve\(.*execve\(/s);

    // The same trace of a profile in the file shows both: the test would see them.
    const profile = `profiles: { p: { url: "${service.url}", store: keychain } }\ncurrent: p\n`;
    writeFileSync(join(home.path, 'config', 'config.yaml'), profile);
    const used = await traced(homeEnvironment(home));
    expect(used).toContain(join(home.path, 'config', 'config.yaml'));
    expect(used).toMatch(/keychain-worker/);

    async function traced(variables: Record<string, string | undefined>): Promise<string> {
      const trace = join(home.path, 'trace');
      await built(['list'], variables, '', ['strace', '-f', '-e', 'trace=%file', '-s', '400', '-o', trace]);
      return readFileSync(trace, 'utf8');
    }
  },
);
