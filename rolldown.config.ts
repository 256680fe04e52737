import { defineConfig } from 'rolldown';

export default defineConfig({
  // The keychain is asked in a process of its own.
  input: { start: 'commands/start.ts', 'keychain-worker': 'src/keychain-worker.ts' },
  platform: 'node',
  // Native code cannot be bundled; it is the one run-time dependency.
  external: ['@napi-rs/keyring', /^@napi-rs\/keyring\//],
  output: {
    dir: 'dist',
    format: 'esm',
    cleanDir: true,
    minify: 'dce-only',
    chunkFileNames: '[name]-[hash].js',
  },
  onLog(level, log, handle) {
    if (log.code === 'EVAL' || log.code === 'CIRCULAR_DEPENDENCY') return;
    handle(level, log);
  },
});
