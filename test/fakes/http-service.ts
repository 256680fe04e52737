/** Our key service over HTTP in this process, asked without a port. */
import { onTestFinished } from 'vitest';
import type { NewKey } from '../../src/keys.ts';
import { createServer, type Server, type ServerParts } from '../../src/service/server.ts';
import type { Settings } from '../../src/service/settings.ts';
import { checkAnswers } from './described.ts';
import { newService, type TestService } from './key-service.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  /** Parsed JSON, if it is. */
  readonly body: unknown;
  readonly text: string;
}

export interface AskOptions {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** An admin's secret when absent; `null` sends none. */
  readonly secret?: string | null;
}

export interface HttpService extends TestService {
  readonly server: Server;
  /** `ask('GET /v1/keys', …)`. */
  ask(request: string, options?: AskOptions): Promise<Answer>;
  /** Mints a key in-process: its id and secret. */
  mint(key?: Partial<NewKey>): Promise<{ id: string; secret: string }>;
}

export interface HttpServiceParts {
  readonly settings?: Partial<Settings>;
  readonly logger?: ServerParts['logger'];
  readonly now?: () => number;
}

/** Every answer is held against the OpenAPI document. */
export async function newHttpService({ settings, logger, now }: HttpServiceParts = {}): Promise<HttpService> {
  const inner = await newService(settings, now);
  const server = createServer({ service: inner.service, logger });
  onTestFinished(() => server.close());
  checkAnswers(server);
  let minted = 0;
  async function mint(key: Partial<NewKey> = {}) {
    const { key: made, secret } = await inner.admin.create({ name: `minted-${minted++}`, ...key });
    return { id: made.id, secret: secret.reveal() };
  }
  const admin = await mint({ name: 'the-admin', namespace: 'admins', roles: ['admin'] });
  return {
    ...inner,
    server,
    mint,
    async ask(request, { body, headers = {}, secret = admin.secret } = {}) {
      const [method, url] = request.split(' ') as ['GET', string];
      const answer = await server.inject({
        ...{ method, url },
        headers: { ...(secret === null ? {} : { authorization: `Bearer ${secret}` }), ...headers },
        ...(body === undefined ? {} : { payload: body as object | string }),
      });
      const { statusCode: status, headers: said, body: text } = answer;
      const isJson = /json/.test(String(said['content-type']));
      return { status, headers: said, body: isJson ? answer.json() : text, text };
    },
  };
}
