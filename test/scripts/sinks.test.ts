/** What becomes of a secret when standard output is not what it seems; on the built command in a real shell. */
import { describe, expect, test } from 'vitest';
import { newShell } from './shell.ts';

const live = "keys list -o json | jq -r '.[] | .name'";
const ended = "keys list --status revoked -o json | jq -r '.[] | .name'";

describe.each(['', ' -q', ' -o json', ' -o yaml'])('create%s', (options) => {
  test('> /dev/full exits 10, and the key is revoked', async () => {
    const shell = newShell();
    const { code, stderr } = await shell.run(`keys create x${options} > /dev/full`);
    expect(code).toBe(10);
    expect(stderr).toContain('no space left');
    expect((await shell.run(live)).stdout).toBe('');
    expect((await shell.run(ended)).stdout).toBe('x\n');
  });

  test('into a pipe that nobody reads exits 10, and the key is revoked', async () => {
    const shell = newShell();
    const { code } = await shell.run(`exec 3> >(true); wait $!; keys create x${options} >&3`);
    expect(code).toBe(10);
    expect((await shell.run(live)).stdout).toBe('');
  });

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

test('create | true never leaves a live key without its secret, whoever is first', async () => {
  const shell = newShell();
  const { stdout } = await shell.run('set +o pipefail; { keys create x; echo $? >code; } | true; cat code');
  expect(['0\n', '10\n']).toContain(stdout);
  expect((await shell.run(live)).stdout).toBe(stdout === '0\n' ? 'x\n' : '');
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

  test.each(['>&-', '> /dev/null'])('%s is refused with exit 2, and the old secret works', async (sink) => {
    const shell = newShell();
    await shell.run('keys create x -q > secret');
    expect((await shell.run(`keys regenerate x -y ${sink}`)).code).toBe(2);
    expect((await shell.run('keys verify < secret')).code).toBe(0);
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
