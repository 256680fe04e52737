/**
 * The kill sweep: `npm run test:kill`, `npm run test:kill -- --every 12 --scenarios create` for a part of it.
 *
 * Runs the built command under `strace` and has the kernel kill it (SIGKILL) at the first, second, third … write, fsync,
 * rename and send, until a run ends by itself; after each death one `keys recover --all`. Then it looks at the database and at the
 * destination: what must always hold is in `checkAfterDeath` and `checkAfterRecover`.
 */
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { scenarios } from './scenarios.ts';
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
const wanted = values.scenarios.split(',').filter(Boolean);

class Failure extends Error {}

let points = 0;
const violations: string[] = [];

for (const scenario of scenarios.filter(
  ({ name }) => wanted.length === 0 || wanted.some((part) => name.includes(part)),
)) {
  const before = points;
  for (const systemCall of systemCalls) {
    // Not always the first one: with a stride, another point each time.
    for (let when = 1 + (points % stride); ; when += stride) {
      const world = await newWorld(scenario);
      try {
        const killed = runKilled(world, scenario.argv(world), systemCall, when);
        if (!killed) break;
        points += 1;
        await scenario.checkAfterDeath(world);
        world.recover();
        await scenario.checkAfterRecover(world);
      } catch (error) {
        // A run that neither died nor ended well says nothing about the next one.
        if (error instanceof Failure) throw error;
        violations.push(`${scenario.name}, killed at ${systemCall} ${when}: ${(error as Error).message}`);
      } finally {
        await world.close();
      }
    }
  }
  console.log(`${scenario.name}: ${points - before} kill points`);
}

for (const violation of violations) console.log(`VIOLATION ${violation}`);
console.log(`${points} kill points, ${violations.length} violations`);
process.exitCode = violations.length > 0 || points === 0 ? 1 : 0;

/** True when the run was killed, false when it ended by itself. */
function runKilled(world: World, argv: readonly string[], systemCall: string, when: number): boolean {
  const inject = `inject=${systemCall}:signal=SIGKILL:when=${when}`;
  const strace = ['-f', '-qq', '-o', '/dev/null', '-e', `trace=${systemCall}`, '-e', inject];
  const { signal, status, stderr } = world.spawn('strace', [...strace, ...world.command, ...argv]);
  if (signal === 'SIGKILL') return true;
  if (status !== 0) throw new Failure(`ended with ${status}: ${stderr}`);
  return false;
}

if (spawnSync('strace', ['-V']).status !== 0) throw new Error('strace is not installed');
