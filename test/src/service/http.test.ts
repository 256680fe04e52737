import { keysDriver } from '../../../src/drivers/keys.ts';
import { createHttp } from '../../../src/http.ts';
import type { KeyService } from '../../../src/keys.ts';
import { Redactor, Secret } from '../../../src/secret.ts';
import { keyServiceContract } from '../../contracts/key-service.ts';
import { listeningService } from '../../fakes/server.ts';

/** Our service as its own driver sees it, as an administrator of a namespace without other keys. */
async function open(): Promise<KeyService> {
  const { url, mint } = await listeningService();
  const { secret } = await mint({ roles: ['admin'], namespace: 'contract' });
  const http = createHttp({
    baseUrl: url,
    credential: new Secret(secret),
    timeoutMs: 10_000,
    signal: new AbortController().signal,
    redactor: new Redactor(),
    env: {},
  });
  return keysDriver(http, {
    name: 'contract',
    driver: 'keys',
    url,
    namespace: null,
    store: 'none',
    origin: 'config',
  });
}

keyServiceContract('our service over HTTP', open);
