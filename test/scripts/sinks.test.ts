/** What becomes of a secret when standard output is not what it seems; on the built command in a real shell. */
import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { canMount, smallDisk } from '../fakes/small-disk.ts';
import { newShell, type Shell } from './shell.ts';

const live = "keys list -o json | jq -r '.[] | .name'";
const unfinished = "keys recover -o json | jq -r '.[] | .id'";

/** Begins with a key `x` for all but create. */
const commands = ['create x', 'regenerate x -y', 'rotate x -y --grace 0'];

async function shellFor(command: string): Promise<Shell> {
  const shell = newShell();
  if (!command.startsWith('create')) await shell.run('keys create x -q > old');
  return shell;
}

/** One key, one operation, and one `keys recover --all` brings a secret that works. */
async function requireRecovered(shell: Shell, fix = ':'): Promise<void> {
  expect((await shell.run(live)).stdout).toBe('x\n');
  expect((await shell.run(unfinished)).stdout).toMatch(/^op_\w+\n$/);
  const { code, stdout } = await shell.run(`${fix}; keys recover --all -y > recovered; cat recovered`);
  expect(code).toBe(0);
  if (stdout !== '') expect((await shell.run('keys verify < recovered')).code).toBe(0);
  expect((await shell.run(unfinished)).stdout).toBe('');
  expect((await shell.run(live)).stdout).toBe('x\n');
}

describe.each(['', ' -q', ' -o json', ' -o yaml'])('create%s', (options) => {
  test.each(['>&-', '> /dev/null'])('%s is refused with exit 2, and nothing is minted', async (sink) => {
    const shell = newShell();
    const { code, stderr } = await shell.run(`keys create x${options} ${sink}`);
    expect(code).toBe(2);
    expect(stderr).toContain('--discard');
    expect((await shell.run('keys list --status all -o name')).stdout).toBe('');
  });

  test('--discard > /dev/null mints', async () => {
    const shell = newShell();
    expect((await shell.run(`keys create x${options} --discard > /dev/null`)).code).toBe(0);
    expect((await shell.run(live)).stdout).toBe('x\n');
  });

  test('stderr on a full disk does not cost the secret', async () => {
    const shell = newShell();
    const { code, stdout } = await shell.run(`keys create x${options} 2> /dev/full`);
    expect(code).toBe(0);
    expect(stdout).toMatch(/keys_[0-9A-Za-z]{36}/);
  });
});

describe.each(commands)('%s', (command) => {
  test('> /dev/full exits 10, and keys recover brings the secret', async () => {
    const shell = await shellFor(command);
    const { code, stderr } = await shell.run(`keys ${command} > /dev/full`);
    expect(code).toBe(10);
    expect(stderr).toContain('no space left');
    expect(stderr).toMatch(/hint: keys recover op_/);
    await requireRecovered(shell);
  });

  test('into a pipe whose reader is gone exits 10, and keys recover brings the secret', async () => {
    const shell = await shellFor(command);
    const { code } = await shell.run(`exec 3> >(true); wait $!; keys ${command} >&3`);
    expect(code).toBe(10);
    await requireRecovered(shell);
  });

  test('a full pipe whose reader takes 5 bytes and leaves exits 10, and keys recover brings the secret', async () => {
    const shell = await shellFor(command);
    const { code } = await shell.run(`set +o pipefail
      mkfifo pipe; exec 3<>pipe; dd if=/dev/zero bs=4096 count=16 status=none >&3
      { exec 3<&-; keys ${command}; echo $? > code; } > pipe & writer=$!
      exec 4<pipe 3<&-
      until jq -e '.state == "delivering"' state/operations/op_*.json > /dev/null 2>&1; do kill -0 $writer || exit 99; done
      head -c 5 <&4 > /dev/null; exec 4<&-
      wait $writer; exit $(cat code)`);
    expect(code).toBe(10);
    await requireRecovered(shell);
  });

  test.each(['>&-', '> /dev/null'])('%s is refused with exit 2, and nothing changes', async (sink) => {
    const shell = await shellFor(command);
    expect((await shell.run(`keys ${command} ${sink}`)).code).toBe(2);
    if (command.startsWith('create')) expect((await shell.run(live)).stdout).toBe('');
    else expect((await shell.run('keys verify < old')).code).toBe(0);
    expect((await shell.run(unfinished)).stdout).toBe('');
  });

  test('to a link, a device or a directory is refused, and nothing changes', async () => {
    const shell = await shellFor(command);
    await shell.run('ln -s target link; touch target; mkdir directory');
    for (const place of ['file:link', 'file:/dev/full', 'file:directory', 'env-file:/dev/null#X']) {
      const { code } = await shell.run(`keys ${command} --force --to ${place}`);
      expect([2, 4, 5]).toContain(code);
    }
    if (command.startsWith('create')) expect((await shell.run(live)).stdout).toBe('');
    else expect((await shell.run('keys verify < old')).code).toBe(0);
    expect((await shell.run(unfinished)).stdout).toBe('');
  });

  test('to a command that fails exits 10, and keys recover brings the secret once it works', async () => {
    const shell = await shellFor(command);
    await shell.run(`printf '#!/bin/sh\ncat > got\ntest -e ready\n' > consumer; chmod +x consumer`);
    const { code } = await shell.run(`keys ${command} --to exec:./consumer`);
    expect(code).toBe(10);
    await requireRecovered(shell, 'touch ready');
    expect((await shell.run('keys verify < got')).code).toBe(0);
  });

  test.runIf(canMount)('to a full disk is refused, and nothing changes', async () => {
    const shell = await shellFor(command);
    const disk = smallDisk(32);
    disk.fill();
    expect((await shell.run(`keys ${command} --to env-file:${disk.path}/.env#X`)).code).toBe(7);
    if (command.startsWith('create')) expect((await shell.run(live)).stdout).toBe('');
    else expect((await shell.run('keys verify < old')).code).toBe(0);
    expect((await shell.run(unfinished)).stdout).toBe('');
  });

  test.runIf(canMount)(
    'to a disk that fills after the preflight, the secret still arrives whole',
    async () => {
      const shell = await shellFor(command);
      const { path } = smallDisk(32);
      const fill = `dd if=/dev/zero of=${path}/filler bs=1024 > full 2>&1`;
      await shell.run(`printf '#!/bin/sh\\ncat > got\\n${fill} || :\\n' > filler; chmod +x filler`);
      const { code } = await shell.run(`keys ${command} --to exec:./filler --to file:${path}/secret`);
      expect((await shell.run('grep -c "No space left" full')).stdout).toBe('1\n');
      expect(code).toBe(0);
      expect((await shell.run(`keys verify < ${path}/secret`)).code).toBe(0);
    },
  );
});

test('a command that cannot be started for want of descriptors exits 10 and says so, and keys recover starts it', async () => {
  const shell = newShell();
  const tries = 'for n in 26 28 30 32; do (ulimit -n $n; keys create x$n --to exec:cat); echo $?; done';
  const { stdout, stderr } = await shell.run(tries);
  expect(stdout).toContain('10\n');
  expect(stdout).toMatch(/^(0\n|2\n|7\n|10\n)+$/);
  expect(stderr).toContain('could not be run: spawn');
  expect(stderr).not.toContain('iterable');
  expect((await shell.run('keys recover --all -y')).code).toBe(0);
});

const noStrace = spawnSync('strace', ['-V']).status !== 0;

test.skipIf(noStrace)(
  `a disk that fails while an operation is journalled leaves nothing to recover, or exits 10${noStrace ? ' (strace is not installed)' : ''}`,
  async () => {
    const shell = newShell();
    const { stdout } = await shell.run(`export UV_THREADPOOL_SIZE=1; keys create first --discard
      for n in 2 3 4 5 6 7; do
        code=0
        strace -f -qq -o trace -e trace=fsync -e inject=fsync:error=EIO:when=$n keys create x$n --to file:s$n || code=$?
        echo "$code $(${unfinished})"
        keys recover --all --yes
      done`);
    const ends = stdout.trimEnd().split('\n');
    expect(ends).toContain('2 ');
    for (const end of ends) expect(end).toMatch(/^([27] |10 op_\w+|0 )$/);
  },
);

test('create | true never leaves a live key whose secret cannot be had, whoever is first', async () => {
  const shell = newShell();
  const { stdout } = await shell.run('set +o pipefail; { keys create x; echo $? >code; } | true; cat code');
  expect(['0\n', '10\n']).toContain(stdout);
  expect((await shell.run(live)).stdout).toBe('x\n');
  const id = '$(basename state/operations/op_*.json .json)';
  expect((await shell.run(`keys recover ${id} > recovered && keys verify < recovered`)).code).toBe(0);
});

test('a reader that takes its time gets the whole secret', async () => {
  const shell = newShell();
  const { code, stdout } = await shell.run(
    'keys create x -q | { sleep 0.3; head -c 5; cat; } | keys verify -o json',
  );
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ valid: true });
});

describe('regenerate', () => {
  test('> /dev/full exits 10 and says that the old one is dead', async () => {
    const shell = newShell();
    await shell.run('keys create x -q > secret');
    const { code, stderr } = await shell.run('keys regenerate x -y > /dev/full');
    expect(code).toBe(10);
    expect(stderr).toContain('the old one is dead');
    expect((await shell.run('keys verify < secret')).code).toBe(9);
  });
});

describe('other results', () => {
  test('list > /dev/full exits 1 and says why', async () => {
    const shell = newShell();
    await shell.run('keys create x -q > secret');
    const { code, stderr } = await shell.run('keys list > /dev/full');
    expect(code).toBe(1);
    expect(stderr).toContain('no space left');
    expect(stderr).not.toContain('report it');
  });

  test('list | head ends quietly with 0', async () => {
    const shell = newShell();
    await shell.run('for i in 1 2 3; do keys create x$i -q --discard; done');
    expect(await shell.run('keys list -o ndjson | head -n 1 | jq -r .name')).toEqual({
      code: 0,
      stdout: 'x3\n',
      stderr: '',
    });
  });
});
