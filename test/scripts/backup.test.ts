/** In which order `keys serve backup` and `restore` have the disk take things; on the built command. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { newShell } from './shell.ts';

const noStrace = spawnSync('strace', ['-V']).status !== 0;

test.skipIf(noStrace)(
  `a power cut finds the backup and the database whole, the one before or the new one${noStrace ? ' (strace is not installed)' : ''}`,
  async () => {
    const shell = newShell();
    const place = join(shell.path, 'place');
    await shell.run('mkdir -m 700 place; keys create one --discard; cp data/*.db place/keys.db');
    /** The last things that the system was told of files there, the new one as `new`. */
    const ends = async (command: string) => {
      const trace = `strace -f -qq -y -s 999 -o trace -e 'trace=/^(fsync|link|rename|unlink)'`;
      const { code } = await shell.run(`${trace} keys serve ${command} --database ${place}/keys.db`);
      expect(code).toBe(0);
      const calls = readFileSync(join(shell.path, 'trace'), 'utf8').matchAll(
        /^\d+ +([a-z]+)\w*\((.*place.*)\) = 0$/gm,
      );
      return Array.from(calls, ([, call, told = '']) => {
        const names = told.replaceAll(/\.[\w.]+\.tmp/g, 'new').match(/(?<=place\/?)[\w.-]*(?=[">])/g);
        return [call, ...(names ?? [])].join(' ');
      }).slice(-4);
    };
    expect(await ends(`backup ${place}/copy`)).toEqual([
      'fsync new',
      'link new copy',
      'unlink new',
      'fsync ',
    ]);
    expect((await ends(`backup ${place}/copy --force`)).slice(1)).toEqual([
      ...['fsync new', 'rename new copy', 'fsync '],
    ]);
    expect(await ends(`restore ${place}/copy --yes`)).toEqual([
      'fsync new',
      expect.stringMatching(/^link keys\.db keys\.db\.replaced-\w+$/),
      'rename new keys.db',
      'fsync ',
    ]);
  },
);
