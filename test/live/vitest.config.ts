/** `npm run test:live -- zabbix verdaccio`: real services, installed and started here. Without a name, all of them. */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    root: new URL('../..', import.meta.url).pathname,
    include: ['test/live/*.live.ts'],
    // One service at a time: each wants a machine of its own for its start.
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 900_000,
    reporters: process.env.CI ? ['default', ['json', { outputFile: '.results/live.json' }]] : ['default'],
  },
});
