/**
 * The kill sweep: `npm run test:kill`, `npm run test:kill -- --every 12 --scenarios 'create|server'` for a part of it.
 *
 * Runs the built command under `strace` and has the kernel kill it, or the server it talks to (SIGKILL), at the first, second,
 * third … write, fsync, rename and send, until a run ends by itself; after each death one `keys recover --all`, with the server
 * started again on its database. Then it looks at the database and at the destination: what must always hold is in
 * `checkAfterDeath` and `checkAfterRecover`.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startDesktop } from '../keychain/desktop.ts';
import { checkAudit } from './audit.ts';
import { changeScenarios } from './changes.ts';
import { type Scenario, scenarios } from './scenarios.ts';
import { startServer, traced } from './server.ts';
import { newWorld, type World } from './world.ts';

/** Grouped, because strace counts each system call by itself. */
const systemCalls = [
  'write',
  'pwrite64',
  'writev',
  'pwritev',
  'fsync',
  'fdatasync',
  'rename',
  'sendto',
  'sendmsg',
  'link',
  'unlink',
  'ftruncate',
];

const { values } = parseArgs({
  options: {
    every: { type: 'string', default: '1' },
    scenarios: { type: 'string', default: '' },
  },
});
const stride = Number(values.every);
const wanted = new RegExp(values.scenarios);

class Failure extends Error {}

/** What a command may end with when a program that it runs was killed in its place. */
const honestEnds: readonly (number | null)[] = [7, 10, 11];

const runs = { command: killCommand, server: killServer };

let points = 0;
let violations = 0;

const chosen = [...scenarios, ...changeScenarios].filter(({ name }) => wanted.test(name));
const endKeychain = chosen.some(({ needsKeychain }) => needsKeychain) ? await startKeychain() : null;

for (const scenario of chosen) {
  const before = points;
  for (const systemCall of systemCalls) {
    // Not always the first one: with a stride, another point each time.
    for (let when = 1 + (points % stride); ; when += stride) {
      const world = await newWorld(scenario);
      try {
        const killed = await runs[scenario.victim](world, scenario, systemCall, when);
        if (!killed) break;
        points += 1;
      } catch (error) {
        // A run that neither died nor ended well says nothing about the next one.
        if (error instanceof Failure) throw error;
        violations += 1;
        console.log(
          `VIOLATION ${scenario.name}, killed at ${systemCall} ${when}: ${(error as Error).message}`,
        );
      } finally {
        await world.close();
      }
    }
  }
  console.log(`${scenario.name}: ${points - before} kill points`);
}

await endKeychain?.();
console.log(`${points} kill points, ${violations} violations`);
process.exitCode = violations > 0 || points === 0 ? 1 : 0;

/** An unlocked keyring for all worlds; gives what ends it. */
async function startKeychain(): Promise<() => Promise<void>> {
  const home = mkdtempSync(join(tmpdir(), 'keys-keyring-'));
  const runtime = join(home, 'run');
  mkdirSync(runtime, { mode: 0o700 });
  const env = { PATH: process.env.PATH, HOME: home, XDG_RUNTIME_DIR: runtime };
  const { address, end } = await startDesktop(env, 'unlocked');
  process.env.DBUS_SESSION_BUS_ADDRESS = address;
  return async () => {
    await end();
    rmSync(home, { recursive: true, force: true });
  };
}

/** Kills the command, or a program that it runs; false when it ended by itself. */
async function killCommand(
  world: World,
  scenario: Scenario,
  systemCall: string,
  when: number,
): Promise<boolean> {
  const argv = [...traced(systemCall, when), ...world.command, ...scenario.argv(world)];
  const { signal, status, stderr } = world.spawn('strace', argv);
  if (signal !== 'SIGKILL') {
    if (status === 0) return false;
    if (!honestEnds.includes(status) || when > 1_000) throw new Failure(`ended with ${status}: ${stderr}`);
  }
  await scenario.checkAfterDeath(world, signal === 'SIGKILL' ? null : status);
  world.recover();
  await scenario.checkAfterRecover(world);
  return true;
}

/** Kills the server while the command runs; false when both ended by themselves. */
async function killServer(
  world: World,
  scenario: Scenario,
  systemCall: string,
  when: number,
): Promise<boolean> {
  await world.service.close();
  const server = await startServer(world);
  await server.killAt(systemCall, when);
  const [program = '', ...words] = world.command;
  const { status, stderr } = world.spawn(program, [...words, ...scenario.argv(world)]);
  const signal = await server.stop();
  await world.openDatabase();
  if (signal !== 'SIGKILL') {
    if (status !== 0) throw new Failure(`ended with ${status}: ${stderr}`);
    return false;
  }
  await scenario.checkAfterDeath(world, status);
  await checkAudit(world);
  await world.service.close();
  const again = await startServer(world, server.port);
  try {
    world.recover();
  } finally {
    await again.stop();
    await world.openDatabase();
  }
  await scenario.checkAfterRecover(world);
  await checkAudit(world);
  return true;
}

if (spawnSync('strace', ['-V']).status !== 0) throw new Error('strace is not installed');
