import { expect, test } from 'vitest';
import { networkOf } from '../../../src/service/networks.ts';

test.each([
  ['192.0.2.1', '192.0.2.1'],
  ['192.0.2.1:50123', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['::FFFF:192.0.2.1', '192.0.2.1'],
  ['2001:db8:0:1::7', '2001:db8:0:1::/64'],
  ['[2001:DB8:0:1:ffff::7]:443', '2001:db8:0:1::/64'],
  ['[2001:db8:0:1::7]', '2001:db8:0:1::/64'],
  ['2001:0db8:0000:0001:0000:0000:0000:0007', '2001:db8:0:1::/64'],
  ['2001:db8::4:5:6:7:8', '2001:db8:0:4::/64'],
  ['::2:3:4:5:6:7:8', '0:2:3:4::/64'],
  ['::1', '0:0:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['2001:db8::7%1:2:3:4:5:6', '2001:db8:0:0::/64'],
  ['unknown', 'no address'],
  ['', 'no address'],
  ['1.2.3.4.5:6', 'no address'],
  ['for=192.0.2.1:50123', 'no address'],
  ['192.0.2.1:50123:1', 'no address'],
  ['x'.repeat(100), 'no address'],
])('whatever a proxy passes on of a client, %s counts as %s', (written, network) => {
  expect(networkOf(written)).toBe(network);
});
