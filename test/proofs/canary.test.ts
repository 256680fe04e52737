/** Secrets are where they were delivered, and nowhere else. */
import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { newHttpService } from '../fakes/http-service.ts';
import { temporaryDirectory } from '../fakes/temporary.ts';
import { newHome, type Result } from '../run.ts';
import { runs } from './scale.ts';

const pattern = /keys_[0-9A-Za-z]{36}/g;

/** Every file below a directory, unless it went away meanwhile. */
function textsIn(directory: string): string[] {
  const names = readdirSync(directory, { recursive: true, encoding: 'utf8' });
  return names
    .map((name) => join(directory, name))
    .filter((file) => statSync(file, { throwIfNoEntry: false })?.isFile())
    .map((file) => readFileSync(file, 'latin1'));
}

function requireNoHit(
  secrets: ReadonlySet<string>,
  places: Readonly<Record<string, readonly string[]>>,
): void {
  for (const [place, texts] of Object.entries(places)) {
    const hits = texts.flatMap((text) => text.match(pattern) ?? []).filter((found) => secrets.has(found));
    expect(hits.length, place).toBe(0);
    // Also in part: the last half of a secret says nothing to a person, and too much to a thief.
    const halves = new Set([...secrets].map((secret) => secret.slice(-18)));
    const joined = texts.join('\n');
    expect([...halves].filter((half) => joined.includes(half)).length, `${place}, in part`).toBe(0);
  }
}

const count = runs({ usual: 60, deep: 1_000 });

test(`${count} secrets created, regenerated and rotated at every log level are in no database, journal, log or temporary directory`, async () => {
  const home = newHome();
  const logs: string[] = [];
  const logger = pino({ level: 'trace' }, { write: (line: string) => void logs.push(line) });
  const service = await newHttpService({ now: Date.now, logger });
  await service.server.listen({ host: '127.0.0.1', port: 0 });
  const address = service.server.server.address();
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  const admin = await service.mint({ name: 'operator', roles: ['admin'] });
  const temporary = join(home.path, 'tmp');
  mkdirSync(temporary);
  const oldTmp = process.env.TMPDIR;
  process.env.TMPDIR = temporary;
  onTestFinished(() => {
    if (oldTmp === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = oldTmp;
  });
  const remote = { KEYS_URL: url, KEYS_TOKEN: admin.secret };
  const secrets = new Set([admin.secret]);

  const keep = ({ code, stdout, stderr }: Result) => {
    expect(code, stderr).toBe(0);
    for (const secret of stdout.match(pattern) ?? []) secrets.add(secret);
    logs.push(stderr);
  };
  for (let made = 0; secrets.size < count; made += 1) {
    const env = made % 2 === 0 ? remote : {};
    const name = `canary-${made}`;
    keep(await home.keys(`create ${name} --debug`, { env }));
    keep(await home.keys(`regenerate ${name} -y --debug -o json`, { env }));
    if (made % 4 < 2) keep(await home.keys(`rotate ${name} -y --debug --grace 1h`, { env }));
    // A delivery that fails leaves its operation in the journal.
    if (made % 50 < 2) {
      const full = { ...failingSink };
      const { stderr } = await home.keys(`create lost-${made} --debug`, { env, stdout: full });
      logs.push(stderr);
      for (const secret of full.seen.splice(0).join('').match(pattern) ?? []) secrets.add(secret);
    }
  }

  expect(textsIn(join(home.path, 'state', 'operations')).length).toBeGreaterThan(0);
  expect(logs.length).toBeGreaterThan(count);
  requireNoHit(secrets, {
    'the database of the service': textsIn(dirname(service.databasePath)),
    'the embedded database': textsIn(join(home.path, 'data')),
    'the journal': textsIn(join(home.path, 'state')),
    'the configuration': textsIn(home.path),
    'the temporary directory': textsIn(temporary),
    'logs and traces': logs,
  });
}, 3_600_000);

/** Takes nothing, and remembers what it was to take. */
const failingSink = {
  isTerminal: false,
  isNull: false,
  seen: [] as string[],
  async write(text: string) {
    failingSink.seen.push(text);
    throw new Error('no space left');
  },
};

const commandRuns = runs({ usual: 6, deep: 50 });

test(`no secret is in a command line, an environment or a log while ${commandRuns} runs of the built command were sampled`, async () => {
  const path = temporaryDirectory();
  const env = {
    ...process.env,
    CI: '',
    KEYS_CONFIG_DIR: join(path, 'config'),
    KEYS_DATA_DIR: join(path, 'data'),
    KEYS_STATE_DIR: join(path, 'state'),
  };
  const samples: string[] = [];
  const said: string[] = [];
  const secrets = new Set<string>();
  let sampled = 0;
  for (let round = 0; round < commandRuns; round += 1) {
    const file = join(path, `consumed-${round}`);
    const argv = ['create', `canary-${round}`, '--debug', '--to', `exec:tee ${file}`, '--to', 'stdout'];
    const child = spawn(process.execPath, ['bin/keys.js', ...argv], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
    });
    child.stderr.on('data', (chunk) => said.push(String(chunk)));
    let running = true;
    const closed = new Promise<number | null>((resolve) => {
      child.on('close', (code) => {
        running = false;
        resolve(code);
      });
    });
    while (running) {
      for (const pid of family(child.pid ?? 0)) {
        for (const name of ['cmdline', 'environ']) samples.push(tryRead(`/proc/${pid}/${name}`));
      }
      sampled += 1;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    expect(await closed, said.join('')).toBe(0);
    const [secret = ''] = stdout.match(pattern) ?? [];
    expect(readFileSync(file, 'utf8').trim()).toBe(secret);
    secrets.add(secret);
  }
  expect(secrets.size).toBe(commandRuns);
  expect(sampled).toBeGreaterThan(commandRuns);
  // What `tee` repeats on its standard output is shown on purpose, and hidden by the redactor.
  requireNoHit(secrets, {
    'process lists': [...new Set(samples)],
    'standard error': said,
    journal: textsIn(join(path, 'state')),
    database: textsIn(join(path, 'data')),
  });
}, 600_000);

/** A process and those it started, and they. */
function family(pid: number): number[] {
  const children = tryRead(`/proc/${pid}/task/${pid}/children`).split(' ').filter(Boolean).map(Number);
  return [pid, ...children.flatMap(family)];
}

function tryRead(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}
