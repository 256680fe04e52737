/** A way to a service on which one request never arrives: it is held, for its sender to be killed meanwhile. */
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface HoldingProxy {
  readonly url: string;
  stop(): Promise<void>;
}

/** Writes the file `mark` as soon as the first request has come whose body has this text; the next one passes. */
export async function holdingProxy(target: string, text: string, mark: string): Promise<HoldingProxy> {
  let held = false;
  const server = createServer(async (incoming, outgoing) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    if (!held && body.includes(text)) {
      held = true;
      return writeFileSync(mark, '');
    }
    const { 'content-type': type = '', authorization } = incoming.headers;
    const headers = { 'content-type': type, ...(authorization && { authorization }) };
    const answer = await fetch(target + incoming.url, { method: incoming.method, headers, body });
    outgoing.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' });
    outgoing.end(Buffer.from(await answer.arrayBuffer()));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
