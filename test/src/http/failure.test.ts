/** What is told of a connection that failed in a way that no test can bring about on every machine. */
import { expect, test } from 'vitest';
import { connectionError } from '../../../src/http/failure.ts';

const service = { host: 'keys.test', protocol: 'https:' };

function failed(code: string, more: object = {}): Error {
  return Object.assign(new Error('as it is'), { code, ...more });
}

test.each([
  ['http://proxy.test', 80],
  ['https://proxy.test', 443],
  ['http://proxy.test:3128', 3_128],
])(
  'a connection refused on the port of the proxy %s is the proxy’s, on another one the service’s',
  (url, port) => {
    const proxy = { url, variable: 'HTTPS_PROXY' };
    const refused = (at: number) => failed('ECONNREFUSED', { syscall: 'connect', port: at });
    expect(connectionError(service, refused(port), proxy).message).toContain(
      'cannot reach the proxy proxy.test',
    );
    expect(connectionError(service, refused(8_443), proxy).message).toBe(
      'cannot reach keys.test: connection refused',
    );
  },
);

test('an answer that is not HTTP is told as such', () => {
  expect(connectionError(service, failed('HPE_INVALID_CONSTANT'))).toMatchObject({
    ...{ code: 'unavailable', message: 'cannot reach keys.test: its answer is not HTTP' },
  });
});

test('a connection that is closed asks for https only where plain http was spoken', () => {
  const closed = failed('UND_ERR_SOCKET');
  expect(connectionError(service, closed).hint).toBeNull();
  expect(connectionError({ ...service, protocol: 'http:' }, closed).hint).toContain('https://keys.test');
});
