/** How the servers of the load benches are asked for the same things. */
import { type Ask, ask } from './client.ts';
import { ownerOf } from './seed.ts';
import type { BenchServer } from './serve.ts';

/** Of a hundred mixed requests 94 verify, 3 create and 3 list. */
export const works = ['verify', 'create', 'list', 'mixed'] as const;
export type Work = (typeof works)[number];
export type Asks = Readonly<Record<Exclude<Work, 'mixed'>, (n: number) => Ask>>;

/** `keys serve`. */
export function ourAsks({ adminSecret }: BenchServer, secrets: readonly string[]): Asks {
  const headers = { authorization: `Bearer ${adminSecret}` };
  return {
    verify: (n) => ask({ method: 'POST', path: '/v1/verify', body: verifyBody(secrets, n) }, valid),
    create: (n) =>
      ask(
        { method: 'POST', path: '/v1/keys', headers, body: createBody(n, { roles: ['viewer'] }) },
        { status: 201, holds: '"secret":"' },
      ),
    list: (n) =>
      ask(
        { method: 'GET', path: `/v1/keys?owner=${ownerOf(n)}&limit=100`, headers },
        { holds: '"lastFour":' },
      ),
  };
}

/** `bare.ts` and `better-auth/server.mjs`; `listed` is what each key of a list has. */
export function otherAsks(secrets: readonly string[], listed: string): Asks {
  return {
    verify: (n) => ask({ method: 'POST', path: '/verify', body: verifyBody(secrets, n) }, valid),
    create: (n) => ask({ method: 'POST', path: '/create', body: createBody(n, {}) }, { holds: '"key":' }),
    list: (n) => ask({ method: 'GET', path: `/list?owner=${ownerOf(n)}` }, { holds: listed }),
  };
}

/** The `n`-th request of a work. */
export function askOf(asks: Asks, work: Work): (n: number) => Ask {
  return work === 'mixed' ? (n) => asks[stepOf(n)](n) : asks[work];
}

function stepOf(n: number): keyof Asks {
  const place = n % 100;
  if (place % 33 === 0 && place < 99) return 'create';
  return place % 33 === 16 ? 'list' : 'verify';
}

const valid = { holds: '"valid":true' };

/** Other keys each time, and each as often as any other. */
function verifyBody(secrets: readonly string[], n: number): string {
  return JSON.stringify({ secret: secrets[(n * 7_919) % secrets.length] });
}

let created = 0;

function createBody(n: number, more: object): string {
  created += 1;
  return JSON.stringify({ name: `bench-${process.pid}-${created}`, owner: ownerOf(n), ...more });
}
