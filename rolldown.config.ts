import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
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

/** What is bundled is passed on, and its licences want to be passed on with it. */
const licences: Plugin = {
  name: 'licences',
  generateBundle(_options, bundle) {
    const ids = Object.values(bundle).flatMap((part) => (part.type === 'chunk' ? part.moduleIds : []));
    const folders = ids.flatMap((id) => /^.*[\\/]node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+/.exec(id) ?? []);
    const texts = [...new Set(folders)]
      .filter((folder) => existsSync(join(folder, 'package.json')))
      .map(licenceOf);
    this.emitFile({
      type: 'asset',
      fileName: 'THIRD-PARTY.txt',
      source: `Other people's work in these files, and its licences.\n\n${texts.sort().join('\n')}`,
    });
  },
};

function licenceOf(folder: string): string {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const files = readdirSync(folder).filter((file) => /^(?:licen[cs]e|copying|notice)/i.test(file));
  const texts = files.map((file) => readFileSync(join(folder, file), 'utf8').trim());
  return [`---- ${name} ${version} (${license})`, '', ...texts, ''].join('\n');
}

const program = defineConfig({
  // The keychain is asked in a process of its own.
  input: { start: 'commands/start.ts', 'keychain-worker': 'src/keychain-worker.ts' },
  platform: 'node',
  plugins: [lazyChildProcess, licences],
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
  plugins: [licences],
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
