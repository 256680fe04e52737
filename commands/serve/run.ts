/** A key service from listening to stopped. */
import { once } from 'node:events';
import type { Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Logger, pino } from 'pino';
import type { App } from '../../src/app.ts';
import { KeysError } from '../../src/errors.ts';
import { isoTime } from '../../src/iso-time.ts';
import type { Configuration } from '../../src/service/configuration.ts';
import {
  formatAddress,
  isLoopbackAddress,
  type ListenAddress,
  listenError,
} from '../../src/service/listen.ts';
import { gathering } from '../../src/service/log-lines.ts';
import { createMetrics } from '../../src/service/metrics.ts';
import { metricsServer } from '../../src/service/metrics-server.ts';
import { createReadiness } from '../../src/service/readiness.ts';
import { createServer, type Server } from '../../src/service/server.ts';
import type { Service } from '../../src/service/service.ts';
import { type Certificate, loadCertificate, replaceCertificate } from '../../src/service/tls.ts';
import { createAdmin } from './first-admin.ts';
import { loginUrl } from './login-url.ts';

/** How long requests may take to finish once the service is told to stop. */
const stopMs = 10_000;

/** Throws `invalid` where secrets would go over a network in plain text. */
export function requireSafeTransport(configuration: Configuration): void {
  const { listen, tlsCertFile, trustedProxies, insecureHttp } = configuration;
  if (tlsCertFile !== undefined || trustedProxies.length > 0 || insecureHttp) return;
  if (isLoopbackAddress(listen)) return;
  const where = formatAddress(listen);
  throw new KeysError('invalid', `plain http on ${where} would show secrets to the network`, {
    hint: 'set tlsCertFile and tlsKeyFile; or trustedProxies, where a proxy in front ends TLS; or --insecure-http',
  });
}

/** Serves until the run is told to stop, and lets requests in flight finish. */
export async function run(
  app: App,
  service: Service,
  configuration: Configuration,
  certificate: Certificate | null,
): Promise<void> {
  const { trustedProxies, metricsListen, drainTime, logLevel } = configuration;
  const logger = createLogger(app);
  const metrics = createMetrics();
  const readiness = createReadiness(service, { begun: false });
  const server = createServer({ service, logger, certificate, trustedProxies, metrics, readiness });
  const watching = metricsListen && metricsServer({ metrics, readiness });
  let reencrypting: Promise<void> | undefined;
  try {
    const scheme = certificate ? 'https' : 'http';
    const url = `${scheme}://${await listen(server, configuration.listen)}`;
    const metricsUrl = watching && `http://${await listenForMetrics(watching, metricsListen)}/metrics`;
    if (!(await service.hasAdmin())) {
      const address = server.server.address() as AddressInfo;
      const reached = loginUrl(configuration.listen.host, address, certificate);
      await createAdmin(app, service, configuration, reached);
    }
    readiness.begin();
    if (certificate) app.onHangup = () => void reload(server.server, configuration, logger, app.now);
    logger.level = 'info';
    logger.info({ url, ...(metricsUrl && { metricsUrl }), ...expiry(certificate) }, 'listening');
    logger.level = logLevel;
    if (certificate) checkTimes(certificate, app.now(), logger);
    reencrypting = reencrypt(app, service, logger);
    if (!app.signal.aborted) await once(app.signal, 'abort');
    readiness.stop();
    logger.info('stopping');
    await sleep(drainTime);
  } finally {
    app.onHangup = null;
    const late = setTimeout(() => {
      logger.warn({ afterMs: stopMs }, 'requests that did not end were cut off');
      server.server.closeAllConnections();
    }, stopMs);
    await server.close();
    clearTimeout(late);
    if (watching) await closed(watching);
    await reencrypting;
  }
}

/** After a new master key; what is not done when the service stops is done at the next start. */
async function reencrypt({ signal }: App, service: Service, logger: Logger): Promise<void> {
  try {
    const { done, left, leftUnder } = await service.reencrypt(() => signal.aborted);
    if (done > 0) logger.info({ done }, 'secrets encrypted with the newest master key');
    if (left > 0)
      logger.warn({ left, masterKeys: leftUnder }, 'stored secrets do not open with the master keys here');
  } catch (error) {
    logger.error(
      { err: error },
      'secrets not encrypted with the newest master key; the next start tries again',
    );
  }
}

function createLogger({ io, redactor }: App): Logger {
  const write = gathering((lines) => io.stderr.write(redactor.redact(lines)));
  return pino(
    {
      // Quiet until all is ready; the web framework would announce itself before.
      level: 'warn',
      base: null,
      timestamp: () => `,"time":"${isoTime(Date.now())}"`,
      formatters: { level: (level) => ({ level }) },
    },
    { write },
  );
}

async function listen(server: Server, address: ListenAddress): Promise<string> {
  try {
    await server.listen(address);
  } catch (error) {
    throw listenError(address, error);
  }
  return placeOf(server.server, address);
}

async function listenForMetrics(server: HttpServer, address: ListenAddress): Promise<string> {
  try {
    await once(server.listen(address), 'listening');
  } catch (error) {
    throw listenError(address, error, '--metrics-listen');
  }
  return placeOf(server, address);
}

function placeOf(server: HttpServer, address: ListenAddress): string {
  return formatAddress({ ...address, port: (server.address() as AddressInfo).port });
}

/** A certificate that cannot be used is no reason to stop: the one in use goes on. */
async function reload(
  server: HttpServer,
  configuration: Configuration,
  logger: Logger,
  now: () => number,
): Promise<void> {
  try {
    const certificate = await loadCertificate(configuration);
    if (certificate) replaceCertificate(server, certificate);
    logger.info(expiry(certificate), 'certificate read again');
    if (certificate) checkTimes(certificate, now(), logger);
  } catch (error) {
    logger.error({ err: error }, 'certificate not read again; the one before is still in use');
  }
}

function expiry(certificate: Certificate | null): { certificateExpiresAt?: string } {
  return certificate ? { certificateExpiresAt: new Date(certificate.expiresAt).toISOString() } : {};
}

/** It is used all the same: the clock may be what is wrong. */
function checkTimes({ startsAt, expiresAt }: Certificate, now: number, logger: Logger): void {
  if (now > expiresAt) logger.warn('the certificate has expired: clients refuse it');
  if (now < startsAt) logger.warn('the certificate is not valid yet: clients refuse it');
}

async function closed(server: HttpServer): Promise<void> {
  server.closeAllConnections();
  if (!server.listening) return;
  await new Promise((resolve) => server.close(resolve));
}
