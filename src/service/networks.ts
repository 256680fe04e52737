/** From the address that a request came from to what counts as one place. */

/** Whoever has one IPv6 address has 2^64 of them. What a proxy passes on that is no address is all one. */
export function networkOf(written: string): string {
  // Not imported: it brings the network along, which the embedded service does without.
  const { isIP } = process.getBuiltinModule('node:net');
  const address = isIP(written) === 0 ? withoutPort(written) : written;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  const version = isIP(address);
  if (mapped || version === 4) return mapped ?? address;
  if (version === 0) return 'no address';
  const [head = '', tail = ''] = address.toLowerCase().replace(/%.*$/, '').split('::');
  const before = head.split(':').filter(Boolean);
  const after = tail.split(':').filter(Boolean);
  const gap = 8 - before.length - after.length;
  const groups = [...before, ...Array.from({ length: gap }, () => '0'), ...after];
  return `${groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':')}::/64`;
}

/** Some proxies write the port of the client, too: `192.0.2.1:50123`, `[2001:db8::1]:50123`. */
function withoutPort(written: string): string {
  const [, v6, v4] = /^(?:\[([^\]]+)\]|([\d.]+))(?::\d+)?$/.exec(written) ?? [];
  return v6 ?? v4 ?? written;
}
