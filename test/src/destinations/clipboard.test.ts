import { spawn, spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openDestination } from '../../../src/destinations/index.ts';
import { Secret } from '../../../src/secret.ts';
import { destinationContext } from '../../fakes/destination-context.ts';
import { temporaryDirectory } from '../../fakes/temporary.ts';

const has = (program: string) => spawnSync('which', [program]).status === 0;

/** A display of its own, ended after the test. */
async function display(): Promise<string> {
  const server = spawn('Xvfb', ['-displayfd', '3', '-nolisten', 'tcp'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  });
  onTestFinished(() => void server.kill());
  const number = await new Promise<string>((resolve) =>
    server.stdio[3]?.once('data', (data) => resolve(String(data).trim())),
  );
  return `:${number}`;
}

for (const program of ['xclip', 'xsel']) {
  test.skipIf(!has('Xvfb') || !has(program))(
    `${program} fills a real X11 clipboard (Xvfb and ${program} have to be installed)`,
    async () => {
      const directory = temporaryDirectory();
      const { stdout } = spawnSync('which', [program, 'sh']);
      for (const path of stdout.toString().trim().split('\n')) {
        await writeFile(join(directory, path.split('/').at(-1) ?? ''), `#!/bin/sh\nexec ${path} "$@"\n`, {
          mode: 0o755,
        });
      }
      const env = { PATH: directory, HOME: directory, DISPLAY: await display() };
      const context = destinationContext({ env });
      const destination = await openDestination('clipboard', context);
      await destination.preflight();
      await destination.deliver(new Secret('keys_pasted'));
      const paste = program === 'xclip' ? ['-selection', 'clipboard', '-out'] : ['--clipboard', '--output'];
      expect(
        spawnSync(program, paste, {
          env: { ...process.env, ...env, PATH: process.env.PATH },
        }).stdout.toString(),
      ).toBe('keys_pasted');
      expect(context.stderrText()).toContain('copy something else');
    },
  );
}

test('no desktop, or no program for it, is said before anything is minted', async () => {
  for (const env of [{}, { DISPLAY: ':0', PATH: temporaryDirectory() }, { WAYLAND_DISPLAY: 'w', PATH: '' }]) {
    const destination = await openDestination('clipboard', destinationContext({ env }));
    await expect(destination.preflight()).rejects.toMatchObject({ code: 'unavailable' });
  }
});

test('a copier that fails has not delivered, and says why', async () => {
  const directory = temporaryDirectory();
  await writeFile(join(directory, 'wl-copy'), '#!/bin/sh\necho "no compositor" >&2\nexit 1\n', {
    mode: 0o755,
  });
  const env = { WAYLAND_DISPLAY: 'w', PATH: `${directory}:${process.env.PATH}` };
  const destination = await openDestination('clipboard', destinationContext({ env }));
  await expect(destination.deliver(new Secret('keys_x'))).rejects.toMatchObject({
    code: 'undelivered',
    message: expect.stringContaining('no compositor'),
  });
});
