/** `/metrics`, `/healthz` and `/readyz` on an address of their own, which the operator keeps to those who watch. */
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { Metrics } from './metrics.ts';
import type { Readiness } from './readiness.ts';

interface Watched {
  readonly metrics: Metrics;
  readonly readiness: Readiness;
}

export function metricsServer(watched: Watched): Server {
  const server = createServer({ requestTimeout: 10_000 }, ({ method, url = '' }, response) => {
    const known = answers[url.split('?')[0] ?? ''];
    if (!known) return send(response, 404, { status: 'not found' });
    if (method !== 'GET' && method !== 'HEAD') {
      return send(response.setHeader('allow', 'GET, HEAD'), 405, { status: 'GET only' });
    }
    known(watched, response).catch(() => send(response, 500, { status: 'failed' }));
  });
  return server;
}

const answers: Readonly<Record<string, (watched: Watched, response: ServerResponse) => Promise<void>>> = {
  async '/healthz'(_watched, response) {
    send(response, 200, { status: 'ok' });
  },
  async '/readyz'({ readiness }, response) {
    const problem = await readiness.problem();
    send(response, problem === null ? 200 : 503, { status: problem ?? 'ready' });
  },
  async '/metrics'({ metrics }, response) {
    response.setHeader('content-type', metrics.contentType).end(await metrics.text());
  },
};

function send(response: ServerResponse, status: number, body: object): void {
  const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' };
  response.writeHead(status, headers).end(JSON.stringify(body));
}
