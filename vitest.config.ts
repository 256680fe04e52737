import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // By itself vitest leaves one core to others; here it would be half of the machine.
    maxWorkers: '100%',
    // Generous: a machine that does other things meanwhile is slow, not wrong.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    reporters: process.env.CI ? ['default', ['json', { outputFile: '.results/tests.json' }]] : ['default'],
  },
});
