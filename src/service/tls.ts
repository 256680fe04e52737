/** The certificate of a service that speaks https itself. */
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer, type Server as HttpServer, type RequestListener, type ServerOptions } from 'node:http';
import { createServer as createHttpsServer, Server as HttpsServer } from 'node:https';
import { createSecureContext } from 'node:tls';
import { KeysError } from '../errors.ts';
import type { Configuration } from './configuration.ts';

export interface Certificate {
  /** PEM, with the chain. */
  readonly cert: string;
  readonly key: string;
  /** Milliseconds since 1970, as is the next. */
  readonly startsAt: number;
  readonly expiresAt: number;
}

/** `null` without TLS. Throws `invalid`, naming the file, for what makes no certificate. */
export async function loadCertificate({
  tlsCertFile,
  tlsKeyFile,
}: Pick<Configuration, 'tlsCertFile' | 'tlsKeyFile'>): Promise<Certificate | null> {
  if (tlsCertFile === undefined && tlsKeyFile === undefined) return null;
  if (tlsCertFile === undefined || tlsKeyFile === undefined) {
    throw new KeysError('invalid', 'TLS takes both a certificate and its key', {
      hint: 'set tlsCertFile and tlsKeyFile',
    });
  }
  const [cert, key] = await Promise.all([readPem(tlsCertFile), readPem(tlsKeyFile)]);
  try {
    createSecureContext({ cert, key });
    const { validFromDate, validToDate } = new X509Certificate(cert);
    return { cert, key, startsAt: validFromDate.getTime(), expiresAt: validToDate.getTime() };
  } catch (cause) {
    const reason = (cause as Error).message.replace(/^error:[0-9A-F]+:/i, '');
    throw new KeysError('invalid', `${tlsCertFile} and ${tlsKeyFile} make no TLS certificate: ${reason}`, {
      cause,
      hint: 'both are PEM; the key has no passphrase and belongs to the first certificate in the file',
    });
  }
}

async function readPem(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new KeysError('invalid', `cannot read ${path}: ${cause.code ?? cause.message}`, { cause });
  });
}

/** Plain HTTP without a certificate. */
export function httpServer(
  certificate: Certificate | null,
  timeouts: ServerOptions,
  handler: RequestListener,
): HttpServer {
  if (!certificate) return createServer(timeouts, handler);
  const { cert, key } = certificate;
  return createHttpsServer({ cert, key, ...timeouts }, handler);
}

/** For connections from now on; those that are open go on. */
export function replaceCertificate(server: HttpServer, { cert, key }: Certificate): void {
  if (server instanceof HttpsServer) server.setSecureContext({ cert, key });
}
