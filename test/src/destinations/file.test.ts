import { spawn, spawnSync } from 'node:child_process';
import {
  chmod,
  chown,
  link,
  mkdir,
  readdir,
  readFile,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type DestinationContext, openDestination } from '../../../src/destinations/index.ts';
import { Secret } from '../../../src/secret.ts';
import { destinationContext } from '../../fakes/destination-context.ts';
import { canMount, smallDisk } from '../../fakes/small-disk.ts';
import { temporaryDirectory } from '../../fakes/temporary.ts';

const secret = new Secret('keys_first');
const other = new Secret('keys_second');
const isRoot = process.geteuid?.() === 0;

const open = (path: string, parts: Partial<DestinationContext> = {}) =>
  openDestination(`file:${path}`, destinationContext(parts));

async function preflightCode(path: string, parts: Partial<DestinationContext> = {}): Promise<string> {
  const destination = await open(path, parts);
  try {
    await destination.preflight();
    return 'fine';
  } catch (error) {
    return (error as { code: string }).code;
  } finally {
    await destination.abandon();
  }
}

test('a new file holds the secret and a newline, for its owner only, whatever the umask', async () => {
  const path = join(temporaryDirectory(), 'token');
  const umask = process.umask(0);
  onTestFinished(() => void process.umask(umask));
  const destination = await open(path);
  await destination.preflight();
  await destination.deliver(secret);
  expect(await readFile(path, 'utf8')).toBe('keys_first\n');
  expect((await stat(path)).mode & 0o7777).toBe(0o600);
});

test('a file that is there is refused before anything is minted, and replaced with --force', async () => {
  const path = join(temporaryDirectory(), 'token');
  await writeFile(path, 'old', { mode: 0o644 });
  expect(await preflightCode(path)).toBe('conflict');
  const forced = await open(path, { force: true });
  await forced.preflight();
  expect(await readFile(path, 'utf8')).toBe('old');
  await forced.deliver(secret);
  expect(await readFile(path, 'utf8')).toBe('keys_first\n');
  expect((await stat(path)).mode & 0o7777).toBe(0o600);
});

test('links, directories, devices and pipes are refused, with --force too', async () => {
  const directory = temporaryDirectory();
  const at = (name: string) => join(directory, name);
  await writeFile(at('real'), '');
  await symlink(at('real'), at('link'));
  await symlink(at('nowhere'), at('dangling'));
  await link(at('real'), at('hard'));
  await mkdir(at('directory'));
  spawnSync('mkfifo', [at('pipe')]);
  for (const path of [
    at('link'),
    at('dangling'),
    at('hard'),
    at('directory'),
    at('pipe'),
    '/dev/null',
    '/dev/full',
  ]) {
    expect([path, await preflightCode(path, { force: true })]).toEqual([path, 'invalid']);
  }
});

test('a file of more than 1 MiB is refused, with --force too: it is no secret', async () => {
  const path = join(temporaryDirectory(), 'disk.img');
  await writeFile(path, '');
  await truncate(path, 2 ** 20 + 1);
  expect(await preflightCode(path, { force: true })).toBe('invalid');
});

test.skipIf(!canMount)('a file that is mounted on its own is refused (mounting needs root)', async () => {
  const path = join(temporaryDirectory(), 'a token');
  await writeFile(path, 'old');
  spawnSync('mount', ['--bind', path, path]);
  onTestFinished(() => void spawnSync('umount', [path]));
  expect(await preflightCode(path, { force: true })).toBe('invalid');
});

test('a name may be as long as the file system takes', async () => {
  expect(await preflightCode(join(temporaryDirectory(), 'x'.repeat(255)))).toBe('fine');
});

test('a directory that is not there, or is a file, is refused', async () => {
  const directory = temporaryDirectory();
  await writeFile(join(directory, 'file'), '');
  expect(await preflightCode(join(directory, 'none', 'token'))).toBe('invalid');
  const missing = await openDestination(`file:${directory}/not one/token`, destinationContext());
  await expect(missing.preflight()).rejects.toMatchObject({ hint: `mkdir -p '${directory}/not one'` });
  expect(await preflightCode(join(directory, 'file', 'token'))).toBe('invalid');
  expect(await preflightCode(join(directory, 'x'.repeat(300)))).toBe('invalid');
});

test('of two runs that deliver to one new path at the same time one is told that it failed', async () => {
  for (let round = 0; round < 20; round += 1) {
    const path = join(temporaryDirectory(), 'token');
    const runs = [secret, other].map(async (each) => {
      const destination = await open(path);
      await destination.preflight();
      await destination.deliver(each).finally(() => destination.abandon());
      return `${each.reveal()}\n`;
    });
    const ends = await Promise.allSettled(runs);
    const delivered = ends.flatMap((end) => (end.status === 'fulfilled' ? [end.value] : []));
    expect(delivered).toEqual([await readFile(path, 'utf8')]);
  }
});

test('resuming accepts the file that holds this secret, and no other', async () => {
  const path = join(temporaryDirectory(), 'token');
  await writeFile(path, 'keys_first\n');
  const resumed = await open(path, { resuming: true });
  await resumed.preflight();
  await expect(resumed.deliver(other)).rejects.toMatchObject({ code: 'undelivered' });
  await resumed.deliver(secret);
  await resumed.abandon();
  expect(await readFile(path, 'utf8')).toBe('keys_first\n');
});

test('what a killed run left is removed, what a running one prepared is not', async () => {
  const directory = temporaryDirectory();
  const gone = spawnSync('true').pid;
  const names = {
    dead: `.token.keys-${gone}-0123456789ab`,
    alive: '.token.keys-1-0123456789ab',
    ancient: '.token.keys-1-ba9876543210',
    foreign: '.token.keys-note',
  };
  for (const name of Object.values(names)) await writeFile(join(directory, name), 'keys_old\n');
  await utimes(join(directory, names.ancient), new Date(0), new Date(0));
  const destination = await open(join(directory, 'token'));
  await destination.preflight();
  await destination.abandon();
  expect((await readdir(directory)).sort()).toEqual([names.alive, names.foreign]);
});

test('a run killed between the two names of its file can be resumed', async () => {
  const path = join(temporaryDirectory(), 'token');
  await writeFile(path, 'keys_first\n');
  await link(path, join(dirname(path), `.token.keys-${spawnSync('true').pid}-0123456789ab`));
  const resumed = await open(path, { resuming: true });
  await resumed.preflight();
  await resumed.deliver(secret);
  await resumed.abandon();
  expect(await readdir(dirname(path))).toEqual(['token']);
});

test('a path is the same from any directory, and ~/ is the home directory', async () => {
  const home = temporaryDirectory();
  const relative = await openDestination('file:token', destinationContext());
  expect(relative.spec).toBe(`file:${join(process.cwd(), 'token')}`);
  const atHome = await openDestination('file:~/token', destinationContext({ env: { HOME: home } }));
  expect(atHome.spec).toBe(`file:${join(home, 'token')}`);
});

describe.skipIf(!canMount)('on a disk of a few KiB (mounting one needs root)', () => {
  test('no room shows before anything is minted, and nothing is left behind', async () => {
    const disk = smallDisk(16);
    disk.fill();
    const before = await readdir(disk.path);
    expect(await preflightCode(join(disk.path, 'token'))).toBe('unavailable');
    expect(await readdir(disk.path)).toEqual(before);
  });

  test('a disk that fills between preflight and delivery does not matter', async () => {
    const disk = smallDisk(16);
    const path = join(disk.path, 'token');
    const destination = await open(path);
    await destination.preflight();
    disk.fill();
    await destination.deliver(secret);
    expect(await readFile(path, 'utf8')).toBe('keys_first\n');
  });
});

describe.skipIf(!isRoot)('without the rights of root (dropping them needs root)', () => {
  test('a directory that may not be written is refused', async () => {
    const directory = temporaryDirectory();
    await chmod(directory, 0o755);
    expect(await asNobody(() => preflightCode(join(directory, 'token')))).toBe('forbidden');
    await chmod(directory, 0o777);
    expect(await asNobody(() => preflightCode(join(directory, 'token')))).toBe('fine');
  });

  test("somebody else's file cannot be replaced, which shows before anything is minted", async () => {
    const directory = temporaryDirectory();
    await chmod(directory, 0o777);
    const path = join(directory, 'token');
    await writeFile(path, 'theirs', { mode: 0o644 });
    expect(await asNobody(() => preflightCode(path, { force: true }))).toBe('forbidden');
    const forced = await open(path, { force: true });
    await expect(asNobody(() => forced.preflight())).rejects.toMatchObject({
      hint: expect.stringContaining('as its owner'),
    });
  });

  test('a directory that may be written and not read is refused before anything is minted', async () => {
    const directory = temporaryDirectory();
    await chmod(directory, 0o733);
    expect(await asNobody(() => preflightCode(join(directory, 'token')))).toBe('forbidden');
    expect(await readdir(directory)).toEqual([]);
  });

  test("what others have left or prepared stays, and is in nobody's way", async () => {
    const directory = temporaryDirectory();
    const neighbour = spawn('sleep', ['60'], { uid: 65_533 });
    onTestFinished(() => void neighbour.kill());
    const running = join(directory, `.token.keys-${neighbour.pid}-0123456789ab`);
    await writeFile(running, 'theirs');
    await chmod(directory, 0o777);
    expect(await asNobody(() => preflightCode(join(directory, 'token')))).toBe('fine');
    await chmod(directory, 0o1777);
    const left = join(directory, `.token.keys-${spawnSync('true').pid}-0123456789ab`);
    await writeFile(left, 'theirs');
    expect(await asNobody(() => preflightCode(join(directory, 'token')))).toBe('fine');
    expect((await readdir(directory)).map((name) => join(directory, name)).sort()).toEqual(
      [running, left].sort(),
    );
  });

  test('a file that is replaced stays with its owner', async () => {
    const path = join(temporaryDirectory(), 'token');
    await writeFile(path, 'old', { mode: 0o600 });
    await chown(path, 65_534, 65_534);
    const destination = await open(path, { force: true });
    await destination.preflight();
    await destination.deliver(secret);
    expect(await stat(path)).toMatchObject({ uid: 65_534, gid: 65_534 });
  });
});

test.each(['new/', '~', '.', 'new/..', '~/new/'])('file:%s names no file', async (path) => {
  await expect(open(path)).rejects.toMatchObject({ code: 'invalid', hint: 'name a file in it' });
});

test.runIf(canMount)('a file system without room for a second name takes the file all the same', async () => {
  const directory = temporaryDirectory();
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'nr_inodes=3', 'tmpfs', directory]);
  onTestFinished(() => void spawnSync('umount', [directory]));
  expect(mounted.status).toBe(0);
  await writeFile(join(directory, 'other'), '');
  const destination = await open(join(directory, 'token'));
  await destination.preflight();
  await destination.deliver(secret);
  expect(await readFile(join(directory, 'token'), 'utf8')).toBe('keys_first\n');
  expect(await readdir(directory)).toEqual(['other', 'token']);
});

async function asNobody<T>(work: () => Promise<T>): Promise<T> {
  process.setegid?.(65_534);
  process.seteuid?.(65_534);
  try {
    return await work();
  } finally {
    process.seteuid?.(0);
    process.setegid?.(0);
  }
}
