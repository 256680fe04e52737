/**
 * Whether the time of a verify tells how near a guess is: a secret with another prefix against one with ours whose checksum is
 * good, both unknown. Asked in random order; Welch's t of the two must stay below 4.5 (the bound of leakage tests), and
 * the answers must be the same bytes. `npm run bench:timing` asks 200,000 times over HTTP and as often in this process.
 */
import { randomBytes, randomInt } from 'node:crypto';
import { Agent, request } from 'node:http';
import { Secret } from '../src/secret.ts';
import { mintSecret } from '../src/service/secret-format.ts';
import { createService } from '../src/service/service.ts';
import { openSqlite } from '../src/service/sqlite.ts';
import { seededHome } from './seed.ts';
import { serve } from './serve.ts';

const short = process.argv.includes('--short');
const samples = short ? 10_000 : 200_000;
const bound = 4.5;

type Ask = (secret: string) => Promise<{ ns: number; answer: string }>;

/** As long as ours, so that only the prefix and the checksum differ. */
function unknownPrefix(): string {
  return `abcd_${randomBytes(40).toString('base64url').replaceAll(/[-_]/g, 'x')}`.slice(0, length);
}

function wrongSecret(): string {
  return mintSecret('keys_').reveal();
}

const length = wrongSecret().length;
const kinds = [unknownPrefix, wrongSecret] as const;

/** Mean and variance as the samples come. */
function moments() {
  let [count, mean, squares] = [0, 0, 0];
  return {
    add(value: number) {
      count += 1;
      const delta = value - mean;
      mean += delta / count;
      squares += delta * (value - mean);
    },
    get: () => ({ count, mean, variance: squares / (count - 1) }),
  };
}

async function compare(name: string, ask: Ask): Promise<void> {
  const answers = new Set<string>();
  const measured = kinds.map(() => ({ all: moments(), usual: moments(), times: [] as number[] }));
  for (let n = 0; n < 2_000; n++) await ask(kinds[n % 2 ? 0 : 1]());
  // All of them are made before: making one of the one kind leaves the processor's caches otherwise than one of the other.
  const secrets = Array.from({ length: samples }, () => {
    const kind = randomInt(2) as 0 | 1;
    return { kind, bytes: Buffer.from(kinds[kind]()) };
  });
  for (const { kind, bytes } of secrets) {
    // A string as a request gives it, in one piece.
    const { ns, answer } = await ask(bytes.toString());
    measured[kind]?.times.push(ns);
    answers.add(answer);
  }
  const sorted = measured.flatMap(({ times }) => times).sort((a, b) => a - b);
  // Pauses of the machine and of the garbage collector hit anything, and hide much.
  const limit = sorted[Math.floor(sorted.length * 0.95)] ?? 0;
  for (const { all, usual, times } of measured) {
    for (const ns of times) {
      all.add(ns);
      if (ns <= limit) usual.add(ns);
    }
  }
  const [all, usual] = (['all', 'usual'] as const).map((of) => welch(measured.map((kind) => kind[of].get())));
  const means = measured.map(({ usual: of }) => `${(of.get().mean / 1_000).toFixed(2)} µs`);
  const same = answers.size === 1;
  const found = Math.max(Math.abs(all ?? 0), Math.abs(usual ?? 0)) >= bound || !same;
  console.log(`${name}: ${samples} verifies, unknown prefix ${means[0]}, wrong secret ${means[1]}`);
  console.log(
    `  t = ${all?.toFixed(2)} of all, ${usual?.toFixed(2)} without the slowest 5 %; answers ${same ? 'the same' : 'DIFFER'}`,
  );
  if (found && !short) process.exitCode = 1;
}

function welch(kinds: readonly { count: number; mean: number; variance: number }[]): number {
  const [a, b] = kinds;
  if (!a || !b) return Number.NaN;
  return (a.mean - b.mean) / Math.sqrt(a.variance / a.count + b.variance / b.count);
}

const home = await seededHome(short ? 1_000 : 100_000);

const service = createService({ store: await openSqlite(home.database), now: Date.now });
const anybody = service.as(null);
await compare('in this process', async (text) => {
  const secret = new Secret(text);
  const started = process.hrtime.bigint();
  const answer = await anybody.verify(secret);
  return { ns: Number(process.hrtime.bigint() - started), answer: JSON.stringify(answer) };
});
await service.close();

const server = await serve(home.database);
const agent = new Agent({ keepAlive: true, maxSockets: 1 });
await compare('over HTTP', (secret) => {
  const { promise, resolve, reject } = Promise.withResolvers<{ ns: number; answer: string }>();
  const body = JSON.stringify({ secret });
  const headers = {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'x-request-id': 'r',
  };
  const started = process.hrtime.bigint();
  const call = request(`${server.url}/v1/verify`, { method: 'POST', agent, headers }, (response) => {
    let text = '';
    response.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    response.on('end', () => {
      const ns = Number(process.hrtime.bigint() - started);
      // What is left of the address's limit falls with every request, of either kind.
      const { date: _, ratelimit: __, ...rest } = response.headers;
      resolve({ ns, answer: JSON.stringify([response.statusCode, rest, text]) });
    });
  });
  call.on('error', reject);
  call.end(body);
  return promise;
});
agent.destroy();
await server.stop();
home.remove();
