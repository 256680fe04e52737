/** What went wrong on the wire, in words: who could not be reached, and who cannot be trusted. */
import type { PeerCertificate } from 'node:tls';
import { codeOf, KeysError } from '../errors.ts';

interface WireError extends Error {
  readonly reason?: string;
  readonly syscall?: string;
  readonly hostname?: string;
  readonly port?: number;
  readonly cert?: PeerCertificate;
  /** The bytes of an answer from where they are not HTTP. */
  readonly data?: string;
}

/** A connection that ended without an answer, as `untrusted` or `unavailable`. `proxy` is who is asked in place of the host. */
export function connectionError(
  { host, protocol }: Pick<URL, 'host' | 'protocol'>,
  thrown: unknown,
  proxy: ProxyAddress | null = null,
): KeysError {
  const error = rootOf(thrown);
  const code = codeOf(error);
  // What a server that speaks TLS does when it hears plain HTTP: most say nothing.
  const mayBeTls = protocol === 'http:' && (code === 'UND_ERR_SOCKET' || isTlsAlert(thrown));
  return (
    trustError(host, error) ??
    proxyError(host, error, proxy) ??
    new KeysError('unavailable', `cannot reach ${host}: ${reasonOf(error)}`, {
      cause: thrown,
      hint: mayBeTls ? `if it speaks TLS, its address is https://${host}` : (hints[code] ?? null),
    })
  );
}

/**
 * Whether the answer was a fatal alert in plain text (RFC 8446, 6): what was sent has been taken for the beginning of a TLS
 * handshake.
 */
export function isTlsAlert(thrown: unknown): boolean {
  const { data } = rootOf(thrown);
  return typeof data === 'string' && fatalAlert.test(data);
}

/** A record of the type alert (21), of any version, two bytes long, of which the first is the level fatal. */
const fatalAlert = /^\x15\x03[\x00-\x04]\x00\x02\x02/;

export interface ProxyAddress {
  readonly url: string;
  /** The environment variable that names it. */
  readonly variable: string;
}

/** Where it is the proxy that is not there, the service has not even been tried. */
function proxyError(host: string, error: WireError, proxy: ProxyAddress | null): KeysError | null {
  if (!proxy) return null;
  const { hostname, host: where, port, protocol } = new URL(proxy.url);
  const isProxys =
    error.syscall === 'connect'
      ? String(error.port) === (port || (protocol === 'https:' ? '443' : '80'))
      : error.syscall === 'getaddrinfo' && error.hostname === hostname;
  if (!isProxys) return null;
  const way = `the proxy ${where}, the way to ${host}`;
  return new KeysError('unavailable', `cannot reach ${way}: ${reasonOf(error)}`, {
    cause: error,
    hint: `check ${proxy.variable}; NO_PROXY=${host.replace(/:\d+$/, '')} goes past the proxy`,
  });
}

/** Whether a proxy has said no: to ask again changes nothing, and may lock the user of the proxy out. */
export function isRefusedByProxy(thrown: unknown): boolean {
  return /^(Proxy response \(4\d\d\)|Proxy Authentication Required)/.test(rootOf(thrown).message);
}

/** undici and the resolver wrap what happened; the last cause is what did. */
function rootOf(thrown: unknown): WireError {
  let error = thrown as WireError;
  while (error.cause instanceof Error) error = error.cause;
  return error;
}

const reasons: Record<string, string> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'the connection was reset',
  EPIPE: 'the connection was closed',
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'its name could not be looked up',
  EHOSTUNREACH: 'no route to it',
  ENETUNREACH: 'no network',
  ETIMEDOUT: 'it did not answer',
  UND_ERR_SOCKET: 'it closed the connection',
};

const hints: Record<string, string> = {
  ECONNREFUSED: 'is the service running, and is the address right?',
  ENOTFOUND: "check the address: 'keys profile show'",
};

function reasonOf(error: WireError): string {
  const proxyStatus = /^Proxy response \((\d+)\)/.exec(error.message)?.[1];
  if (proxyStatus) return `the proxy answered ${proxyStatus}`;
  if (error.message.startsWith('Proxy Authentication Required')) return 'the proxy answered 407';
  if (isTlsAlert(error)) return 'its answer is TLS';
  if (codeOf(error).startsWith('HPE_')) return 'its answer is not HTTP';
  return reasons[codeOf(error)] ?? error.message;
}

const trustOwn =
  'if that is meant to be, trust its authority: caFile in the profile, or NODE_EXTRA_CA_CERTS=<file>';
const clockOrService = "check this machine's clock, then tell those who run the service";
const clientCertificate = 'set clientCertFile and clientKeyFile in the profile';
const isItHttp = 'is it the right port, and https?';

/** By OpenSSL's and Node's error codes; the first that fits. */
const distrust: readonly [RegExp, (host: string) => string, string | null][] = [
  [/^CERT_HAS_EXPIRED$/, (host) => `the certificate of ${host} has expired`, clockOrService],
  [/^CERT_NOT_YET_VALID$/, (host) => `the certificate of ${host} is not valid yet`, clockOrService],
  [/^DEPTH_ZERO_SELF_SIGNED_CERT$/, (host) => `the certificate of ${host} is self-signed`, trustOwn],
  [
    /^(SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_)/,
    (host) => `the certificate of ${host} is from an authority that is not trusted here`,
    trustOwn,
  ],
  [/^CERT_REVOKED$/, (host) => `the certificate of ${host} has been revoked`, null],
  [/WRONG_VERSION_NUMBER|PACKET_LENGTH|HTTP_REQUEST/, (host) => `${host} does not speak TLS`, isItHttp],
  [
    /PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL/,
    (host) => `${host} speaks no version of TLS that is safe`,
    'TLS 1.2 or newer is needed',
  ],
  [
    /ALERT_HANDSHAKE_FAILURE/,
    (host) => `${host} refuses the TLS handshake`,
    `it may want a client certificate: ${clientCertificate}`,
  ],
  [
    /ALERT.*(CERTIFICATE|UNKNOWN_CA)/,
    (host) => `${host} does not accept the client certificate, or misses one`,
    clientCertificate,
  ],
  [
    /^(EPROTO$|ERR_SSL_|ERR_TLS_|ERR_OSSL_|CERT_|CRL_|ERROR_IN_|INVALID_(CA|PURPOSE)$|PATH_LENGTH|HOSTNAME_MISMATCH)/,
    (host) => `no trusted connection to ${host}`,
    null,
  ],
];

function trustError(host: string, error: WireError): KeysError | null {
  const code = codeOf(error);
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    const names = error.cert?.subjectaltname?.replaceAll(/(DNS|IP Address):/g, '');
    return new KeysError('untrusted', `the certificate of ${host} is not made out to that name`, {
      cause: error,
      hint: names ? `it is made out to ${names}` : null,
    });
  }
  const found = distrust.find(([pattern]) => pattern.test(code));
  if (!found) return null;
  const [, sentence, hint] = found;
  return new KeysError('untrusted', `${sentence(host)} (${error.reason ?? code})`, { cause: error, hint });
}
