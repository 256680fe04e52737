/** The way to a service: which addresses are allowed, through which proxy, trusting whom. */
import { readFileSync } from 'node:fs';
import {
  createSecureContext,
  getCACertificates,
  type SecureContext,
  type SecureContextOptions,
} from 'node:tls';
import type { Dispatcher } from 'undici';
import { KeysError } from '../errors.ts';
import type { ProxyAddress } from './failure.ts';
import { EnvHttpProxyAgent } from './undici.cjs';

export interface ConnectionOptions {
  /** `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` count, in either case. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** PEM file of authorities to trust besides the usual ones. */
  readonly caFile?: string;
  /** PEM files of the client's certificate and its key. */
  readonly clientCertFile?: string;
  readonly clientKeyFile?: string;
  /** The same as PEM text, in place of files; `ca` is then the only authority trusted, as a cluster's own is. */
  readonly pem?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  /** The name that the certificate is made out to, when that is not the host's. */
  readonly serverName?: string;
  /** Allows plain http to hosts that are not this machine. */
  readonly insecureHttp?: boolean;
}

/** The base URL of a service. Throws `invalid`, and `untrusted` where it would carry a credential in the clear. */
export function baseUrlOf(text: string, insecureHttp = false): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw new KeysError('invalid', `'${text}' is not the address of a key service`, {
      hint: 'it begins with https://',
    });
  }
  if (url.username || url.password || url.search || url.hash) {
    throw new KeysError('invalid', 'the address of a key service has no credential, query or fragment in it');
  }
  if (url.protocol === 'http:' && !insecureHttp && !isLoopback(url)) {
    throw new KeysError('untrusted', `plain http to ${url.host} would show the credential to the network`, {
      hint: `use https://${url.host}, or --insecure-http when that network is trusted`,
    });
  }
  return url;
}

function isLoopback({ hostname }: URL): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

/** Connects to one origin, keeps connections alive, and gives them all up when `signal` aborts. Throws `invalid`. */
export function createConnection(url: URL, options: ConnectionOptions, signal: AbortSignal): Dispatcher {
  const proxy = proxyOf(url, options.env ?? {})?.url ?? '';
  const secureContext = url.protocol === 'https:' ? secureContextOf(options) : undefined;
  // The budget of the whole command is the only deadline.
  const { serverName } = options;
  const socket = {
    signal,
    timeout: 0,
    ...(secureContext ? { secureContext } : {}),
    ...(serverName ? { servername: serverName } : {}),
  };
  return new EnvHttpProxyAgent({
    httpProxy: proxy,
    httpsProxy: proxy,
    noProxy: options.env?.no_proxy ?? options.env?.NO_PROXY ?? '',
    proxyTunnel: false,
    connect: socket,
    requestTls: socket,
    proxyTls: { signal, timeout: 0 },
    headersTimeout: 0,
    bodyTimeout: 0,
    // Shorter than any service's, so that no request meets a connection that is being closed.
    keepAliveTimeout: 2_000,
    keepAliveMaxTimeout: 2_000,
  });
}

/** The proxy for a URL. Throws `invalid`. */
export function proxyOf(url: URL, env: NonNullable<ConnectionOptions['env']>): ProxyAddress | null {
  if (isLoopback(url)) return null;
  const name = url.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY';
  const value = env[name.toLowerCase()] || env[name];
  if (!value) return null;
  const text = value.includes('://') ? value : `http://${value}`;
  if (/^https?:/i.test(text) && URL.canParse(text))
    return { url: text, variable: env[name.toLowerCase()] ? name.toLowerCase() : name };
  throw new KeysError('invalid', `${name} is not the address of an http proxy`, {
    hint: `for example ${name}=http://proxy.example.com:3128`,
  });
}

/** `undefined` when Node's own defaults do. */
function secureContextOf(options: ConnectionOptions): SecureContext | undefined {
  if (options.pem) return contextOf(options.pem, 'the PEM text of the certificates');
  const { caFile, clientCertFile, clientKeyFile } = options;
  if (Boolean(clientCertFile) !== Boolean(clientKeyFile)) {
    throw new KeysError('invalid', 'a client certificate needs both clientCertFile and clientKeyFile');
  }
  if (!caFile && !clientCertFile) return undefined;
  const own = caFile && pem(caFile, 'CERTIFICATE');
  const cert = clientCertFile && pem(clientCertFile, 'CERTIFICATE');
  const key = clientKeyFile && pem(clientKeyFile, 'PRIVATE KEY');
  const files = [caFile, clientCertFile, clientKeyFile].filter(Boolean).join(', ');
  return contextOf({ ca: own ? [...getCACertificates('default'), own] : undefined, cert, key }, files);
}

function contextOf(options: SecureContextOptions, source: string): SecureContext {
  try {
    return createSecureContext(options);
  } catch (cause) {
    const { message } = cause as Error;
    throw new KeysError('invalid', `cannot use ${source}: ${message}`, { cause });
  }
}

function pem(file: string, kind: string): string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new KeysError('invalid', `cannot read ${file}: ${(cause as Error).message}`, { cause });
  }
  if (text.includes(`${kind}-----`)) return text;
  throw new KeysError('invalid', `there is no PEM ${kind.toLowerCase()} in ${file}`);
}
