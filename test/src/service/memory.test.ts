import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test, vi } from 'vitest';
import { newHttpService } from '../../fakes/http-service.ts';

test('a service keeps no request in memory once it has been answered', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const { server, ask, mint } = await newHttpService();
  const requests: WeakRef<object>[] = [];
  server.addHook('onRequest', async (request) => {
    requests.push(new WeakRef(request), new WeakRef(request.context), new WeakRef(request.raw));
  });
  const { secret } = await mint({ roles: ['viewer'] });
  for (let n = 0; n < 50; n++) {
    await ask('POST /v1/verify', { body: { secret } });
    await ask('POST /v1/verify', { body: { secret: 'keys_unknown' } });
    await ask('POST /v1/keys', { body: { name: `a-${n}` } });
    await ask('GET /v1/keys', { secret });
    await ask('GET /v1/nothing', { secret });
  }
  expect(requests).toHaveLength(750);
  await vi.waitFor(() => {
    collect();
    // What runs last may still stand on the stack.
    expect(requests.filter((each) => each.deref()).length).toBeLessThan(10);
  });
});
