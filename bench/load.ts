/** Verifies by many callers at once, each waiting for its answer: how many a second a server gives. */
import { Agent, request } from 'node:http';

const short = process.argv.includes('--short');
const rounds = short ? 3 : 9;
const roundMs = short ? 1_000 : 2_000;
export const connections = 16;

/** The median rate of each URL; they are asked in turn, round by round, so that a slow moment of the machine meets all. */
export async function rates(urls: readonly string[], body: string): Promise<number[]> {
  const measured = urls.map((): number[] => []);
  for (let round = 0; round <= rounds; round++) {
    for (const [index, url] of urls.entries()) {
      const rate = await load(url, body);
      // The first round warms up.
      if (round > 0) measured[index]?.push(rate);
    }
  }
  return measured.map((each) => each.sort((a, b) => a - b)[each.length >> 1] ?? 0);
}

async function load(url: string, body: string): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const startedMs = performance.now();
  let answered = 0;
  const caller = async () => {
    while (performance.now() < startedMs + roundMs) {
      await verify(url, body, agent);
      answered += 1;
    }
  };
  await Promise.all(Array.from({ length: connections }, caller));
  agent.destroy();
  return (answered * 1_000) / (performance.now() - startedMs);
}

function verify(url: string, body: string, agent: Agent): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
  const call = request(url, { method: 'POST', agent, headers }, (response) => {
    let text = '';
    response.setEncoding('utf8');
    response.on('data', (chunk: string) => {
      text += chunk;
    });
    response.on('end', () =>
      text.includes('"valid":true') ? resolve() : reject(new Error(`${url}: ${text}`)),
    );
  });
  call.on('error', reject);
  call.end(body);
  return promise;
}
