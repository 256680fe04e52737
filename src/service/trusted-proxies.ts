/** Which proxies are believed when they say who the client is. */
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import proxyAddr from '@fastify/proxy-addr';
import { KeysError } from '../errors.ts';

/** Networks with a name: see @fastify/proxy-addr. */
const names = ['loopback', 'linklocal', 'uniquelocal'];

/** Throws `invalid` for what is neither an address nor a network. */
export function requireProxies(proxies: readonly string[]): void {
  for (const proxy of proxies) {
    const bits = names.includes(proxy) ? null : bitsOf(proxy);
    if (bits === 0) {
      throw new KeysError('invalid', `'${proxy}' is every address: each client could say who it is`, {
        hint: 'name the proxies, or the network that only they are in',
      });
    }
    if (names.includes(proxy) || bits !== null) continue;
    throw new KeysError('invalid', `'${proxy}' is neither an address nor a network`, {
      hint: `write 10.0.0.7, 10.0.0.0/8 or fd00::/8, or one of ${names.join(', ')}`,
    });
  }
}

/** Tells where a request came from, as far as that is believed; `null` where its connection has been reset already. */
export function addressBehind(proxies: readonly string[]): (request: IncomingMessage) => string | null {
  if (proxies.length === 0) return ({ socket }) => socket.remoteAddress ?? null;
  const trust = proxyAddr.compile([...proxies]);
  // Its type does not say so, but there is none then.
  return (request) => proxyAddr(request, trust) ?? null;
}

/** How many bits of a network are said; `null` for what is none. */
function bitsOf(text: string): number | null {
  const [, address = '', bits] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const version = isIP(address);
  const most = version === 4 ? 32 : 128;
  const said = bits === undefined ? most : Number(bits);
  return version !== 0 && said <= most ? said : null;
}
