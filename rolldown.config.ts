import { defineConfig, type Plugin } from 'rolldown';

/** Commander runs no program of ours, and loading what it would do that with takes 5 ms of every start. */
const lazyChildProcess: Plugin = {
  name: 'lazy-child-process',
  transform(code, id) {
    if (!/commander[\\/]lib[\\/]command\.js$/.test(id)) return null;
    const eager = "const childProcess = require('node:child_process');";
    if (!code.includes(eager)) this.error('commander loads child_process in another way now');
    return code.replace(
      eager,
      "const childProcess = { get spawn() { return require('node:child_process').spawn; } };",
    );
  },
};

const program = defineConfig({
  // The keychain is asked in a process of its own.
  input: { start: 'commands/start.ts', 'keychain-worker': 'src/keychain-worker.ts' },
  platform: 'node',
  plugins: [lazyChildProcess],
  // Native code cannot be bundled; it is the one run-time dependency.
  // pg looks for its native twin and for Cloudflare's sockets only where somebody asks for them.
  external: ['@napi-rs/keyring', /^@napi-rs\/keyring\//, 'pg-native', 'pg-cloudflare'],
  output: {
    dir: 'dist',
    // An ES module that imports `node:fs` or `node:util` loads every part of them; a start takes 15 ms longer.
    format: 'cjs',
    cleanDir: true,
    // What every run loads is one file; each further file costs a third of a millisecond.
    codeSplitting: { groups: [{ name: 'core', tags: ['$initial'], test: /^(?!.*keychain-worker)/ }] },
    minify: 'dce-only',
    entryFileNames: '[name].cjs',
    chunkFileNames: '[name]-[hash].cjs',
  },
  onLog(level, log, handle) {
    if (log.code === 'EVAL' || log.code === 'CIRCULAR_DEPENDENCY') return;
    handle(level, log);
  },
});

/** What drivers from outside are written and tested with; it is imported, so it is ES modules. */
const library = defineConfig({
  input: { driver: 'src/drivers/published.ts', contract: 'test/contracts/published.ts' },
  platform: 'node',
  external: ['vitest', '@napi-rs/keyring', /^@napi-rs\/keyring\//],
  output: {
    dir: 'lib',
    format: 'esm',
    cleanDir: true,
    minify: 'dce-only',
    entryFileNames: '[name].js',
    chunkFileNames: '[name]-[hash].js',
  },
});

export default [program, library];
