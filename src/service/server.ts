/** The key service over HTTP; the API is `docs/api.md`. Without a port and without globals: the caller listens, or injects. */
import { randomUUID } from 'node:crypto';
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { fastifySwagger } from '@fastify/swagger';
import {
  type FastifyBaseLogger,
  type FastifyInstance,
  fastify,
  LogController,
  type RawServerDefault,
} from 'fastify';
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import { KeysError } from '../errors.ts';
import type { Caller } from './access.ts';
import { answeredTo } from './answered.ts';
import type { RequestContext } from './audit.ts';
import { requestRow } from './audit-requests.ts';
import { authenticate, authenticateAgain } from './authenticate.ts';
import { documentOptions } from './document.ts';
import type { OwnKeyService } from './key-service.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { problemText, problemType, sendProblem } from './problem.ts';
import { createReadiness, type Readiness } from './readiness.ts';
import { requestIdOf } from './request-id.ts';
import { routes } from './routes/index.ts';
import type { Service } from './service.ts';
import { type Certificate, httpServer } from './tls.ts';
import { addressBehind } from './trusted-proxies.ts';
import { type FailedVerify, usualVerify } from './usual-verify.ts';

export type Server = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>;

declare module 'fastify' {
  interface FastifyRequest {
    /** The service as who sent the request sees it. */
    readonly keys: OwnKeyService;
    /** Who sent it; `null` for anybody. */
    caller: Caller | null;
    readonly service: Service;
    context: RequestContext;
  }
  interface FastifyInstance {
    readonly metrics: Metrics;
    readonly readiness: Readiness;
  }
  interface FastifyContextConfig {
    /** Whether a credential is needed; `optional` uses one when it is there. `required` when absent. */
    readonly credential?: 'optional' | 'ignored';
    /** False where a request does not count on the limits of who sends it. */
    readonly counted?: false;
  }
}

export interface ServerParts {
  readonly service: Service;
  /** Silent without one. */
  readonly logger?: FastifyBaseLogger;
  /** Plain HTTP without one. */
  readonly certificate?: Certificate | null;
  /** Addresses and networks whose X-Forwarded-For tells the client's address. */
  readonly trustedProxies?: readonly string[];
  readonly metrics?: Metrics;
  readonly readiness?: Readiness;
}

/** How long a request may take to arrive, its headers as well: were they given longer, Node would give that to all of it. */
const requestTimeoutMs = 30_000;
const timeouts = {
  requestTimeout: requestTimeoutMs,
  headersTimeout: requestTimeoutMs,
  connectionsCheckingInterval: 5_000,
  // Longer than load balancers keep a connection that nothing comes on: they would send a request on one that is being closed.
  keepAliveTimeout: 72_000,
};

/** How long a connection may still say nothing once the service is told to stop. */
const silentMs = 500;

export function createServer(parts: ServerParts): Server {
  const { service, logger, certificate, trustedProxies = [], metrics = createMetrics() } = parts;
  const { readiness = createReadiness(service) } = parts;
  const tell = answeredTo(metrics, logger);
  const failed = new WeakMap<IncomingMessage, FailedVerify>();
  const addressOf = addressBehind(trustedProxies);
  const verifies = { service, metrics, readiness, tell, addressOf, failed };
  const app: Server = fastify({
    ...(logger ? { loggerInstance: logger } : {}),
    // Fastify's own request lines hold the whole URL; ours are below.
    logController: new LogController({ disableRequestLogging: true }),
    // One for all requests: one for each takes longer to make than its line to write.
    childLoggerFactory: (own) => own,
    genReqId: requestIdOf,
    // What comes on a connection that is open is answered, also while the service ends.
    return503OnClosing: false,
    bodyLimit: 65_536,
    serverFactory: (framework) => httpServer(certificate ?? null, timeouts, usualVerify(verifies, framework)),
    routerOptions: { maxParamLength: 512 },
    // An address that cannot be decoded, or that is longer than any of ours, is one that nothing is at.
    frameworkErrors: (_error, { raw }, reply) => {
      raw.url = '/';
      app.routing(raw, reply.raw);
    },
    clientErrorHandler: refuseGarbage,
  }).withTypeProvider<ZodTypeProvider>();
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.setErrorHandler(sendProblem);
  app.setNotFoundHandler((request, reply) => {
    const hint = 'check the address: those of the API begin with /v1';
    sendProblem(new KeysError('not_found', 'there is nothing at this address', { hint }), request, reply);
  });
  acceptJsonOnly(app);

  app.decorateRequest('service', { getter: () => service });
  app.decorateRequest('context');
  app.decorateRequest('caller', null);
  app.decorateRequest('keys', {
    getter() {
      return service.as(this.caller, this.context);
    },
  });
  app.decorate('metrics', metrics);
  app.decorate('readiness', readiness);
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id).header('cache-control', 'no-store');
    const failure = failed.get(request.raw);
    if (!failure) return authenticate(request, reply, addressOf(request.raw));
    request.context = failure.context;
    reply.headers(failure.headers);
    throw failure.error;
  });
  const endSilent = silentConnections(app.server);
  app.addHook('preClose', async () => {
    readiness.stop();
    // What is on its way on them is answered: a proxy that was cut off does not send a POST again.
    setTimeout(endSilent, silentMs).unref();
  });
  app.addHook('onSend', (_request, reply, _payload, done) => {
    // A connection kept alive would keep the server from ending, and a proxy could send a request on it that nobody reads any more.
    if (readiness.stopping) reply.header('connection', 'close');
    done();
  });
  app.addHook('onResponse', (request, reply, done) => {
    const row = requestRow(request, reply, service.now());
    if (row) service.record(row);
    const { id: requestId, method } = request;
    const { address } = request.context;
    const route = request.routeOptions.url ?? null;
    const keyId = request.caller?.keyId ?? null;
    const ms = (failed.get(request.raw)?.ms ?? 0) + reply.elapsedTime;
    tell({ requestId, method, route, status: reply.statusCode, keyId, address, ms });
    done();
  });

  app.register(fastifySwagger, documentOptions);
  app.register(async (scope: Server) => addRoutes(scope));
  return app;
}

/** Every route, under its name in the OpenAPI document. */
function addRoutes(scope: Server): void {
  const methods = new Map<string, string[]>();
  let operationId: string;
  scope.addHook('onRoute', (route) => {
    const { url, method, config } = route;
    route.schema = { ...route.schema, operationId };
    methods.set(url, [...(methods.get(url) ?? []), ...[method].flat()]);
    if (config?.credential === undefined) {
      route.preValidation = authenticateAgain;
    }
  });
  for (const [name, route] of Object.entries(routes)) {
    operationId = name;
    route(scope);
  }
  for (const [url, known] of [...methods]) refuseOtherMethods(scope, url, known);
}

/**
 * Ends the connections on which nothing has come yet, with those that are idle. Node 24 does not count them as idle, and a client that
 * connects ahead of its first request would keep the server from ending; Node 26 does, and would end them as soon as it is told to close.
 */
function silentConnections(server: RawServerDefault): () => void {
  const open = new Set<Socket>();
  const watch = (socket: Socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  };
  server.on('connection', watch);
  // With TLS that one has said something as soon as there is a handshake; this one is within it.
  server.on('secureConnection', watch);
  const silent = () => [...open].filter(({ bytesRead }) => bytesRead === 0);
  const endIdle = server.closeIdleConnections.bind(server);
  server.closeIdleConnections = () => {
    if (silent().length === 0) endIdle();
  };
  return () => {
    endIdle();
    for (const socket of silent()) socket.destroy();
  };
}

/** Other types of bodies are refused; an empty body of type JSON is no body. */
function acceptJsonOnly(app: Server): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body: string, done) => {
    if (body === '') done(null, undefined);
    else void parse(request, body, done);
  });
}

function refuseOtherMethods(scope: Server, url: string, known: readonly string[]): void {
  scope.route({
    url,
    method: scope.supportedMethods.filter((method) => !known.includes(method)),
    schema: { hide: true },
    config: { credential: 'ignored' },
    onRequest: async (request, reply) => {
      const detail = `this address knows ${known.join(', ')}, not ${request.method}`;
      const text = problemText(
        { code: 'unsupported', status: 405, title: 'Method not allowed', detail },
        request.id,
      );
      return reply.code(405).header('allow', known.join(', ')).type(problemType).send(text);
    },
    handler: async () => {},
  });
}

const notHttp = { code: 'invalid', status: 400, detail: 'this is not an HTTP request' } as const;

/** How long somebody has to read why their connection ends. */
const partingMs = 1_000;

/** By Node's codes. */
const unreadable: Readonly<Record<string, Parameters<typeof problemText>[0] & { status: number }>> = {
  HPE_HEADER_OVERFLOW: { code: 'too_large', status: 431, detail: 'the headers of the request are too large' },
  ERR_HTTP_REQUEST_TIMEOUT: { code: 'timeout', status: 408, detail: 'the request took too long to arrive' },
};

/** What cannot even be read as HTTP never becomes a request. */
function refuseGarbage(error: Error & { code?: string }, socket: Socket): void {
  // What was cut off on its way is not the fault of who sent it, who may send it again.
  const cut = error.code === 'ECONNRESET' || error.code === 'HPE_INVALID_EOF_STATE';
  if (!socket.writable || cut) {
    socket.destroy();
    return;
  }
  const requestId = randomUUID();
  const problem = unreadable[error.code ?? ''] ?? notHttp;
  const body = problemText(problem, requestId);
  const { status } = problem;
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    `date: ${new Date().toUTCString()}`,
    `content-type: ${problemType}`,
    `content-length: ${Buffer.byteLength(body)}`,
    `x-request-id: ${requestId}`,
    'cache-control: no-store',
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
  // Whoever does not end their side would keep the connection for ever: Node looks at it no more.
  setTimeout(() => socket.destroy(), partingMs).unref();
}
