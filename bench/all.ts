/** Every bench, one after the other: `npm run bench`, or `npm run bench -- --short` for a taste. */
import { spawnSync } from 'node:child_process';

for (const name of ['startup', 'list', 'stream', 'service', 'restart', 'timing', 'frameworks']) {
  console.log(`\n${name}`);
  const { status } = spawnSync(process.execPath, [`bench/${name}.ts`, ...process.argv.slice(2)], {
    stdio: 'inherit',
  });
  if (status !== 0) process.exitCode = 1;
}
