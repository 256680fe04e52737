import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type DestinationContext, openDestination } from '../../../src/destinations/index.ts';
import { Secret } from '../../../src/secret.ts';
import { destinationContext } from '../../fakes/destination-context.ts';
import { temporaryDirectory } from '../../fakes/temporary.ts';

async function preflight(parts: Partial<DestinationContext>): Promise<string> {
  const destination = await openDestination('stdout', destinationContext(parts));
  return destination.preflight().then(
    () => 'fine',
    (error: { code: string }) => error.code,
  );
}

test('a standard output that leads nowhere is refused before anything is minted', async () => {
  const { io } = destinationContext();
  const nowhere = { ...io, stdout: { ...io.stdout, isNull: true } };
  expect(await preflight({ io: nowhere })).toBe('invalid');
  expect(await preflight({ io: nowhere, explicit: true })).toBe('invalid');
});

test('in CI a secret is printed only when --to stdout was written', async () => {
  for (const CI of ['true', '1']) {
    expect(await preflight({ env: { CI } })).toBe('invalid');
    expect(await preflight({ env: { CI }, explicit: true })).toBe('fine');
  }
  for (const CI of [undefined, '', 'false']) expect(await preflight({ env: { CI } })).toBe('fine');
});

test('the command may print the secret its own way', async () => {
  const printed: string[] = [];
  const context = destinationContext({ print: async (secret) => void printed.push(secret.reveal()) });
  const destination = await openDestination('stdout', context);
  await destination.deliver(new Secret('keys_x'));
  expect(printed).toEqual(['keys_x']);
  expect(context.stdoutText()).toBe('');
});

const script = `
  import { openDestination } from './src/destinations/index.ts';
  import { processIo } from './src/io.ts';
  import { Redactor, Secret } from './src/secret.ts';
  const { signal } = new AbortController();
  const context = { io: processIo(signal), env: {}, signal, redactor: new Redactor(), paths: {}, note: async () => {} };
  const destination = await openDestination('stdout', context);
  await new Promise((resolve) => setTimeout(resolve, 300));
  const step = process.argv[1] === 'preflight' ? destination.preflight() : destination.deliver(new Secret('x'.repeat(100_000)));
  await step.then(() => { process.exitCode = 0; }, (error) => { process.exitCode = error.exitCode; });
`;

test.each([
  ['deliver', '>/dev/full', 10],
  ['deliver', '| true', 10],
  ['deliver', '| head -c 5 >/dev/null', 10],
  ['deliver', '| cat >/dev/null', 0],
  ['preflight', '>/dev/null', 2],
  ['preflight', '>&-', 2],
  ['preflight', '| cat', 0],
])('%s to a real process output %s ends with %i', (step, redirection, code) => {
  const command = `"$NODE" --input-type=module -e "$SCRIPT" ${step} ${redirection}; exit "\${PIPESTATUS[0]}"`;
  const env = { ...process.env, NODE: process.execPath, SCRIPT: script };
  expect(spawnSync('bash', ['-c', command], { env }).status).toBe(code);
});

const noStrace = spawnSync('strace', ['-V']).status !== 0;

test.skipIf(noStrace)(
  `a secret printed into a file is on the disk when its delivery ends, or the delivery has failed${noStrace ? ' (strace is not installed)' : ''}`,
  async () => {
    const directory = temporaryDirectory();
    const [trace, out] = [join(directory, 'trace'), join(directory, 'out')];
    const delivered = (injected: string) => {
      const command = `strace -f -e trace=fsync ${injected} -o "$TRACE" "$NODE" --input-type=module -e "$SCRIPT" deliver > "$OUT"`;
      const env = { ...process.env, NODE: process.execPath, SCRIPT: script, TRACE: trace, OUT: out };
      return spawnSync('bash', ['-c', command], { env }).status;
    };
    expect(delivered('')).toBe(0);
    expect(await readFile(trace, 'utf8')).toMatch(/fsync\(1\)\s+= 0/);
    expect(delivered('-e inject=fsync:error=EIO')).toBe(10);
  },
);
