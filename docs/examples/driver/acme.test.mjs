// The contract of all key services, for a driver of your own: npm install --save-dev keyadm vitest, then npx vitest run.
// The server below stands for the service; build it from what the vendor documents, never from what the driver sends.
import { randomBytes, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { capabilitiesOf, keyServiceContract, openDriver } from 'keyadm/contract';
import { onTestFinished } from 'vitest';
import acme from './acme.mjs';

async function acmeServer() {
  const keys = new Map();
  const credential = randomUUID();

  function answerTo(method, path, authorization, body) {
    if (authorization !== `Bearer ${credential}`) return [401, { error: 'who are you?' }];
    const [, , id] = path.split('/').map(decodeURIComponent);
    if (id === undefined && method === 'GET') return [200, { keys: [...keys.values()] }];
    if (id === undefined && method === 'POST') {
      const { name, note = null, expires = null, ...unknown } = body;
      if (Object.keys(unknown).length > 0) return [400, { error: 'unknown field' }];
      if (name.length > 128 || /[\p{Cc}\p{Cf}]/u.test(name)) return [400, { error: 'bad name' }];
      if ((note ?? '').length > 1_000) return [400, { error: 'the note is too long' }];
      if (expires !== null && !(Date.parse(expires) > Date.now() && new Date(expires).toISOString().startsWith(expires.slice(0, 10))))
        return [400, { error: 'bad expiry' }];
      if ([...keys.values()].some((key) => key.name === name)) return [409, { error: 'the name is taken' }];
      const created = new Date(1_760_000_000_000 + keys.size).toISOString();
      const key = { id: randomUUID(), name, note, expires, created };
      keys.set(key.id, key);
      return [201, { ...key, secret: randomBytes(24).toString('base64url') }];
    }
    if (!keys.has(id)) return [404, { error: 'no such key' }];
    if (method === 'GET') return [200, keys.get(id)];
    keys.delete(id);
    return [204];
  }

  const server = createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request) text += chunk;
    const { method, url, headers } = request;
    const [status, answer] = answerTo(method, url, headers.authorization, text && JSON.parse(text));
    response.writeHead(status, { 'content-type': 'application/json' }).end(answer && JSON.stringify(answer));
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  onTestFinished(() => server.close());
  return { url: `http://127.0.0.1:${server.address().port}`, credential };
}

keyServiceContract('acme', async () => openDriver(acme, await acmeServer()), {
  capabilities: capabilitiesOf(acme),
  // Tests that the service cannot pass: { 'the name of a live key is taken': 'Acme lets names repeat' }
  skips: {},
});
