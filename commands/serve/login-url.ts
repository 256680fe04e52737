/** Where a client logs in to a service that has just been started. */
import { X509Certificate } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { formatAddress } from '../../src/service/listen.ts';
import type { Certificate } from '../../src/service/tls.ts';

/** The address that stands for all addresses, and the one of them that this machine itself always reaches. */
const everywhere: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };

/** `host` is what was asked for. With TLS it has to be a name of the certificate. */
export function loginUrl(
  host: string,
  { address, port }: Pick<AddressInfo, 'address' | 'port'>,
  certificate: Pick<Certificate, 'cert'> | null,
): string {
  const reached = everywhere[address] ?? host;
  if (!certificate) return `http://${formatAddress({ host: reached, port })}`;
  return `https://${formatAddress({ host: certified(new X509Certificate(certificate.cert), reached), port })}`;
}

/** The host itself where the certificate is made out to it, else the first name or address that it is made out to. */
function certified(certificate: X509Certificate, host: string): string {
  if (certificate.checkHost(host) ?? certificate.checkIP(host)) return host;
  const names = (certificate.subjectAltName ?? '').split(', ');
  const name =
    names.find((entry) => /^DNS:[^*"]+$/.test(entry)) ?? names.find((entry) => /^IP Address:/.test(entry));
  return name?.replace(/^[^:]+:/, '') ?? host;
}
