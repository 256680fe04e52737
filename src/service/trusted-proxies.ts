/** Which proxies are believed when they say who the client is. */
import { isIP } from 'node:net';
import { KeysError } from '../errors.ts';

/** Networks with a name: see @fastify/proxy-addr. */
const names = ['loopback', 'linklocal', 'uniquelocal'];

/** Throws `invalid` for what is neither an address nor a network. */
export function requireProxies(proxies: readonly string[]): void {
  for (const proxy of proxies) {
    if (names.includes(proxy) || isNetwork(proxy)) continue;
    throw new KeysError('invalid', `'${proxy}' is neither an address nor a network`, {
      hint: `write 10.0.0.7, 10.0.0.0/8 or fd00::/8, or one of ${names.join(', ')}`,
    });
  }
}

function isNetwork(text: string): boolean {
  const [, address = '', bits] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const version = isIP(address);
  return version !== 0 && (bits === undefined || Number(bits) <= (version === 4 ? 32 : 128));
}
