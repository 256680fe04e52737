#!/usr/bin/env node
// The launcher. Plain JavaScript that any Node can read: it checks the version, then starts the program.
const wanted = 24;

const fail = (message, exitCode) => {
  process.stderr.write(`keys: ${message}\n`);
  process.exitCode = exitCode;
};

/** Has Node keep what it compiles where this user alone can write: it is run again, and the place of Node's choice is in /tmp. */
const keepCompiled = (enableCompileCache) => {
  if (process.platform === 'win32') return enableCompileCache();
  const { XDG_CACHE_HOME, HOME } = process.env;
  const caches = [XDG_CACHE_HOME, `${HOME}/.cache`].find((path) => path?.startsWith('/'));
  if (!caches) return;
  const own = `${caches}/keys`;
  try {
    process.getBuiltinModule('node:fs').mkdirSync(own, { recursive: true, mode: 0o700 });
    enableCompileCache(own);
  } catch {
    // Without it a start takes a little longer.
  }
};

if (Number(process.versions.node.split('.')[0]) >= wanted) {
  // Not imported: an import of a built-in module loads all of it, and a start is short.
  const { createRequire, enableCompileCache } = process.getBuiltinModule('node:module');
  keepCompiled(enableCompileCache);
  const require = createRequire(import.meta.url);
  const program = '../dist/start.cjs';
  try {
    require.resolve(program);
  } catch {
    fail('is not built here yet; npm ci in the checkout builds it', 1);
  }
  if (!process.exitCode) process.exitCode = await require(program).start();
} else {
  const { existsSync } = await import('node:fs');
  const { fileURLToPath } = await import('node:url');
  // A checkout brings its own Node; an installed package has to be run on one that is new enough.
  const own = fileURLToPath(new URL('../node_modules/node/bin/node', import.meta.url));
  if (existsSync(own)) {
    const { spawn } = await import('node:child_process');
    const child = spawn(own, process.argv.slice(1), { stdio: 'inherit' });
    for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
    // A terminal sends Ctrl-C to both; what comes from elsewhere has to be passed on.
    process.on('SIGINT', () => process.stdin.isTTY || child.kill('SIGINT'));
    child.on('error', (error) => fail(`cannot start ${own}: ${error.message}; npm ci brings it anew`, 1));
    child.on('exit', (code, signal) => {
      if (signal) {
        process.removeAllListeners(signal);
        process.kill(process.pid, signal);
      } else process.exitCode = code;
    });
  } else {
    fail(`needs Node ${wanted} or newer; this is Node ${process.versions.node}`, 2);
  }
}
