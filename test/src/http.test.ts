import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { gzipSync } from 'node:zlib';
import { expect, test, vi } from 'vitest';
import { KeysError } from '../../src/errors.ts';
import type { Call, HttpOptions } from '../../src/http.ts';
import { Redactor, Secret } from '../../src/secret.ts';
import { failureOf, httpTo } from '../fakes/http.ts';
import { json, lost, problem, type Reply, raw, scriptedService, silent } from '../fakes/wire.ts';

const read: Call = { method: 'GET', path: ['v1', 'keys'], effect: 'read' };
const set: Call = { method: 'POST', path: ['v1', 'keys', 'k', 'disable'], effect: 'set' };
const mint: Call = { method: 'POST', path: ['v1', 'keys'], body: { name: 'ci' }, effect: 'once' };
const ok = json(200, { ok: true });

/** Calls a service that answers as scripted. */
async function answered(script: Reply[] | Reply, call: Call = read, options: Partial<HttpOptions> = {}) {
  const service = await scriptedService(script);
  const answer = await httpTo(service.url, options).call(call);
  return { service, answer };
}

async function refused(script: Reply[] | Reply, call: Call = read, options: Partial<HttpOptions> = {}) {
  const service = await scriptedService(script);
  const error = await failureOf(
    httpTo(service.url, options)
      .call(call)
      .then((answer) => answer.json()),
  );
  return { service, error };
}

/** A port where nobody listens. */
async function deadPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

// What is sent.

test.each([
  ['bearer', 'authorization', 'Bearer s3cr3t'],
  ['apikey', 'authorization', 'ApiKey s3cr3t'],
  ['x-api-key', 'x-api-key', 's3cr3t'],
] as const)('the scheme %s presents the credential in %s', async (authScheme, header, value) => {
  const { service } = await answered([ok], read, { authScheme });
  expect(service.asked[0]?.headers[header]).toBe(value);
});

test("a driver's own headers replace the call's, and a secret among them is sent as it is", async () => {
  const headers = { Authorization: new Secret('raw-token'), 'If-Match': 'unquoted' };
  const { service } = await answered([ok], { ...read, headers });
  expect(service.asked[0]?.headers).toMatchObject({ authorization: 'raw-token', 'if-match': 'unquoted' });
});

test('path segments and query values are encoded one by one', async () => {
  const service = await scriptedService([ok]);
  await httpTo(`${service.url}/base/`).call({
    ...read,
    path: ['v1', 'keys', '../a b/é?#%2e'],
    query: { status: ['active', 'disabled'], name: 'a&b=c', limit: 5, cursor: undefined },
  });
  expect(service.asked[0]?.url).toBe(
    '/base/v1/keys/..%2Fa%20b%2F%C3%A9%3F%23%252e?status=active&status=disabled&name=a%26b%3Dc&limit=5',
  );
});

test.each(['', '.', '..'])("the id '%s' names nothing, and no request is sent", async (id) => {
  const service = await scriptedService([]);
  const error = await failureOf(httpTo(service.url).call({ ...read, path: ['v1', 'keys', id] }));
  expect(error.code).toBe('not_found');
});

test('a link that leaves the origin is not followed, one that stays is', async () => {
  const service = await scriptedService([ok]);
  const http = httpTo(service.url);
  await http.call({ ...read, path: '/next?page=2' });
  expect(service.asked[0]?.url).toBe('/next?page=2');
  const error = await failureOf(http.call({ ...read, path: 'http://127.0.0.1:1/next' }));
  expect(error.code).toBe('untrusted');
  const odd = await failureOf(http.call({ ...read, path: 'http://[' }));
  expect(odd.code).toBe('bad_response');
});

test('a credential that no header can carry is refused without showing it', async () => {
  const service = await scriptedService([]);
  const error = await failureOf(httpTo(service.url, { credential: new Secret('two\nlines') }).call(read));
  expect(error.code).toBe('invalid');
  expect(error.message).not.toContain('two');
});

// Where it may be sent.

test.each([
  'http://keys.example.com',
  'http://192.168.1.5:8787',
  'http://localhost.example.com',
  'http://127.0.0.1.example.com',
  'http://[::2]',
])('plain http to %s is refused with exit 13 before any request', (baseUrl) => {
  expect(() => httpTo(baseUrl)).toThrowError(expect.objectContaining({ code: 'untrusted', exitCode: 13 }));
  expect(() => httpTo(baseUrl, { insecureHttp: true })).not.toThrow();
});

test.each([
  'http://localhost:1',
  'http://127.0.0.1',
  'http://127.9.9.9:80',
  'http://[::1]:8787',
  'https://keys.example.com',
])('%s needs no permission', (baseUrl) => {
  expect(() => httpTo(baseUrl)).not.toThrow();
});

test.each([
  '',
  'keys.example.com',
  'ftp://keys.example.com',
  'https://me:secret@keys.example.com',
  'https://k.example.com/?a=1',
  'https://k.example.com/#/keys',
])("'%s' is no address of a service", (baseUrl) => {
  expect(() => httpTo(baseUrl)).toThrowError(expect.objectContaining({ code: 'invalid' }));
});

test.each([301, 302, 303, 307, 308])(
  'a %i to another origin is never followed: untrusted, or unknown where a mint may have been done',
  async (status) => {
    const elsewhere = await scriptedService([]);
    for (const call of [read, mint]) {
      const location = `${elsewhere.url}/v1/keys?token=x`;
      const { error } = await refused([json(status, {}, { location })], call);
      // See Other may be said of work that is done.
      const unknown = status === 303 && call === mint;
      expect(error).toMatchObject(
        unknown ? { code: 'outcome_unknown', exitCode: 10 } : { code: 'untrusted', exitCode: 13 },
      );
      expect(error.message).toContain(`${elsewhere.url}/v1/keys;`);
    }
  },
);

test.each(['/v2/keys', '', undefined, 'http://['])(
  'a redirect within the origin (%s) is not followed either',
  async (location) => {
    const { error } = await refused([json(307, {}, location === undefined ? {} : { location })]);
    expect(error.code).toBe('bad_response');
  },
);

// What comes back.

test('an error is the problem document of the service', async () => {
  const { error } = await refused([problem(409, 'quota_exceeded')], mint);
  expect(error).toMatchObject({ code: 'quota_exceeded', message: 'said quota_exceeded', requestId: 'r-1' });
});

test('a 404 that says what is not there is believed; one without a word asks about the address', async () => {
  const said = await refused([json(404, { message: 'no key k1' })]);
  expect(said.error).toMatchObject({ code: 'not_found', message: 'no key k1', hint: null });
  const wordless = await refused([json(404, {})]);
  expect(wordless.error.hint).toContain('is this the address of a key service?');
});

test("without a problem document the status speaks, and X-Request-Id is the request's", async () => {
  const reply: Reply = (response) => {
    response.writeHead(403, { 'content-type': 'text/html', 'x-request-id': 'abc' }).end('<h1>no</h1>');
  };
  const { error } = await refused([reply]);
  expect(error).toMatchObject({ code: 'forbidden', requestId: 'abc' });
  expect(error.message).not.toContain('h1');
});

test('a code that does not go with the status is not believed', async () => {
  const { error } = await refused([problem(401, 'interrupted')]);
  expect(error).toMatchObject({ code: 'unauthenticated', hint: expect.stringContaining('keys auth login') });
});

test('a message of the service reaches people without escapes, and without our credential', async () => {
  const redactor = new Redactor();
  const credential = redactor.know(new Secret('s3cr3t'));
  const detail = `\u001b[2Jno \u202e${'x'.repeat(9_000)}`;
  const { error } = await refused([json(400, { detail, hint: 'you sent s3cr3t\u0007' })], read, {
    redactor,
    credential,
  });
  expect(error.message).toMatch(/^\[2Jno x+$/);
  expect(error.message.length).toBeLessThanOrEqual(500);
  expect(error.hint).toBe('you sent [secret]');
});

test('a driver may find an error in an answer with status 200', async () => {
  const errorOf = () => new KeysError('not_found', 'no such token');
  const { error } = await refused([json(200, { code: 40400 })], { ...read, errorOf });
  expect(error).toMatchObject({ code: 'not_found', message: 'no such token' });
});

/** A whole answer, framed by its length. */
function framed(body: string | Buffer, contentType = 'application/json'): Reply {
  const type = contentType && `content-type: ${contentType}\r\n`;
  const head = `HTTP/1.1 200 OK\r\n${type}content-length: ${body.length}\r\n\r\n`;
  return raw(Buffer.concat([Buffer.from(head), Buffer.from(body)]));
}

test.each<[string, string, Reply]>([
  ['an HTML page', 'an HTML page instead of JSON', framed('<html>', 'text/html; charset=utf-8')],
  ['plain text', 'text instead of JSON', framed('{}', 'text/plain')],
  ['no content type', 'something of no stated type', framed('{}', '')],
  ['an odd content type', 'something of no stated type', framed('{}', '<b>')],
  ['an empty body', 'an empty body', framed('')],
  ['no content', 'an empty body', json(204, undefined)],
  ['half a document', 'JSON that cannot be read', framed('{"')],
  ['bytes that are no UTF-8', 'JSON that cannot be read', framed(Buffer.from([0x22, 0xff, 0x22]))],
])('%s is bad_response, and says so', async (_name, words, reply) => {
  const { error } = await refused([reply]);
  expect(error).toMatchObject({ code: 'bad_response', exitCode: 12 });
  expect(error.message).toContain(words);
});

test.each(['gzip', 'br', 'deflate'])('a %s bomb is refused without being inflated', async (encoding) => {
  const bomb = gzipSync(Buffer.alloc(50 * 2 ** 20));
  const reply: Reply = (response, asked) => {
    expect(asked.headers['accept-encoding']).toBe('identity');
    response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': encoding }).end(bomb);
  };
  const { error } = await refused([reply]);
  expect(error).toMatchObject({ code: 'bad_response', message: expect.stringContaining('compressed') });
});

test('an endless body is given up at the bound', async () => {
  let sent = 0;
  const closed = Promise.withResolvers<void>();
  const endless: Reply = (response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    const more = () => {
      sent += 65_536;
      response.write(Buffer.alloc(65_536, 32), () => setImmediate(more));
    };
    response.on('close', closed.resolve).on('error', () => {});
    more();
  };
  const { error } = await refused([endless]);
  expect(error).toMatchObject({ code: 'bad_response', message: expect.stringContaining('more than it may') });
  await closed.promise;
  expect(sent).toBeLessThan(64 * 2 ** 20);
});

test('the bound of a body is exact, and a page may have its own', async () => {
  const body = (size: number) => json(200, 'x'.repeat(size - 2));
  await answered([body(2 ** 20)]).then(({ answer }) => answer.json());
  expect((await refused([body(2 ** 20 + 1)])).error.code).toBe('bad_response');
  const page = { ...read, maxBytes: 2 ** 21 };
  await answered([body(2 ** 20 + 1)], page).then(({ answer }) => answer.json());
});

test('__proto__ in an answer changes nothing', async () => {
  const { answer } = await answered([framed('{"__proto__":{"polluted":true}}')]);
  answer.json();
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
});

const document = JSON.stringify({ key: { id: 'k1' }, secret: 'abc' });
const framings = {
  length: `HTTP/1.1 201 Created\r\ncontent-type: application/json\r\ncontent-length: ${document.length}\r\n\r\n${document}`,
  chunked: `HTTP/1.1 201 Created\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n${document.length.toString(16)}\r\n${document}\r\n0\r\n\r\n`,
  close: `HTTP/1.1 201 Created\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n${document}`,
};

test.each(Object.entries(framings))(
  'an answer cut at any byte (%s) is never taken for a whole one',
  async (_name, whole) => {
    let cutAt = 0;
    const service = await scriptedService((response, asked) => raw(whole.slice(0, cutAt))(response, asked));
    const http = httpTo(service.url);
    for (; cutAt < whole.length; cutAt++) {
      const error = await failureOf(http.call(mint).then((answer) => answer.json()));
      expect({ cutAt, code: error.code, exit: error.exitCode }).toEqual({
        cutAt,
        code: 'outcome_unknown',
        exit: 10,
      });
    }
    // Minting is never repeated, whatever becomes of its answer.
    expect(service.asked.length).toBe(whole.length);
    expect((await http.call(mint)).json()).toEqual(JSON.parse(document));
  },
);

test('a read whose answer is cut is repeated, and is bad_response when that does not help', async () => {
  const half = raw(framings.length.slice(0, -5));
  expect((await answered([half, ok])).answer.json()).toEqual({ ok: true });
  const { error } = await refused([half, half, half, half]);
  expect(error).toMatchObject({ code: 'bad_response', exitCode: 12 });
});

// What is repeated.

test.each([
  ['a lost connection', lost],
  ['502', json(502, {})],
  ['503', json(503, {})],
  ['504', json(504, {})],
  ['429', json(429, {})],
])('a read after %s is tried again, four times in all', async (_name, fault) => {
  expect((await answered([fault, fault, fault, ok])).answer.status).toBe(200);
  const { error } = await refused([fault, fault, fault, fault]);
  expect(error.exitCode).toBe(7);
});

test.each([400, 404, 500, 501])('%i is the word of the service: a read is not sent again', async (status) => {
  const { service } = await refused([json(status, {})]);
  expect(service.asked).toHaveLength(1);
});

test.each([
  ['a lost connection', lost],
  ['500', json(500, {})],
  ['502', json(502, {})],
  ['503', json(503, {})],
  ['504', json(504, {})],
  ['500 with Retry-After', json(500, {}, { 'retry-after': '0' })],
  ['504 with Retry-After', json(504, {}, { 'retry-after': '0' })],
])('a mint is sent once; after %s its outcome is unknown (exit 10)', async (_name, fault) => {
  const { error } = await refused([fault], mint);
  expect(error).toMatchObject({
    code: 'outcome_unknown',
    exitCode: 10,
    hint: expect.stringContaining('keys list'),
  });
});

test.each([
  ['429', json(429, {}, { 'retry-after': '0' })],
  ['503 with Retry-After of our service', problem(503, 'unavailable', { 'retry-after': '0' })],
])('a mint turned away with %s is sent again: nothing was done', async (_name, fault) => {
  expect((await answered([fault, fault, fault, ok], mint)).answer.status).toBe(200);
  const { error } = await refused([fault, fault, fault, fault], mint);
  expect(error.exitCode).toBe(7);
});

test('a call of one attempt is not sent again even when it was turned away, and the wait asked for is told', async () => {
  const once: Call = { ...mint, attempts: 1 };
  const { service, error } = await refused([json(429, {}, { 'retry-after': '7' })], once);
  expect(error).toMatchObject({ code: 'rate_limited', message: expect.stringContaining('wait 7s') });
  expect(error.hint).toBe('try again in 7s');
  expect(service.asked).toHaveLength(1);
});

test.each([
  ['without a body', {}],
  ['of a problem document', { title: 'Backend fetch failed', status: 503 }],
])(
  "503 with Retry-After %s is a gateway's: what was done is open, and no mint is sent again",
  async (_name, body) => {
    const turnedAway = json(503, body, { 'retry-after': '0' });
    const { service, error } = await refused([turnedAway], mint);
    expect(error).toMatchObject({ code: 'outcome_unknown', exitCode: 10 });
    expect(service.asked).toHaveLength(1);
  },
);

test("a gateway's 503 with Retry-After to a call that may be repeated is waited for as asked, and doubt in the end", async () => {
  const turnedAway = json(503, {}, { 'retry-after': '0' });
  const repeatable: Call = { ...mint, effect: 'set' };
  expect((await answered([turnedAway, turnedAway, turnedAway, ok], repeatable)).answer.status).toBe(200);
  const { error } = await refused([turnedAway, turnedAway, turnedAway, turnedAway], repeatable);
  expect(error).toMatchObject({ code: 'outcome_unknown', exitCode: 10 });
});

test('integers that a number cannot hold come as their digits, all others as numbers', async () => {
  const text =
    '{"id":9007199254740993123,"n":-9007199254740993,"small":42,"real":1.5,"max":9007199254740991}';
  const { answer } = await answered([
    raw(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${text.length}\r\n\r\n${text}`),
  ]);
  expect(answer.json()).toEqual({
    id: '9007199254740993123',
    n: '-9007199254740993',
    small: 42,
    real: 1.5,
    max: 9_007_199_254_740_991,
  });
});

test('a mint that never reached a connection is unavailable (exit 7), not unknown', async () => {
  const error = await failureOf(httpTo(`http://127.0.0.1:${await deadPort()}`).call(mint));
  expect(error).toMatchObject({
    code: 'unavailable',
    exitCode: 7,
    message: expect.stringContaining('refused'),
  });
});

test('a change whose every answer is lost is unknown (exit 10); a read is unavailable (exit 7)', async () => {
  expect((await refused([lost, lost, lost, lost], set)).error.exitCode).toBe(10);
  expect((await refused([lost, lost, lost, lost], read)).error.exitCode).toBe(7);
});

test('a change whose first answer is lost stays unknown when it is then turned away or interrupted', async () => {
  const away = await refused([lost, json(429, {}, { 'retry-after': '3600' })], set);
  expect(away.error.code).toBe('outcome_unknown');
  const interruption = new AbortController();
  const trace = (line: string) =>
    line.includes('waiting') && interruption.abort(new KeysError('interrupted', 'interrupted'));
  const stopped = await refused([lost], set, { signal: interruption.signal, trace });
  expect(stopped.error.code).toBe('outcome_unknown');
});

test('an error is known by its status also where its words are cut', async () => {
  const cut = raw('HTTP/1.1 401 No\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{"de');
  expect((await refused([cut], mint)).error.code).toBe('unauthenticated');
});

test('a mint that the service does not know (501) is unsupported (exit 6): nothing was done', async () => {
  expect((await refused([json(501, {})], mint)).error.exitCode).toBe(6);
});

test('a repeated change tells its answer that an earlier attempt may have been done', async () => {
  expect((await answered([ok], set)).answer.repeated).toBe(false);
  expect((await answered([lost, ok], set)).answer.repeated).toBe(true);
  expect((await answered([json(429, {}), ok], set)).answer.repeated).toBe(false);
});

test.each([
  ['403', problem(403, 'forbidden')],
  ['a redirect', json(302, {}, { location: 'https://elsewhere.example.com/' })],
])(
  'a change whose answer is lost and whose repetition is answered with %s is unknown: exit 10',
  async (_name, plain) => {
    const { service, error } = await refused([lost, plain], set);
    expect(error).toMatchObject({ code: 'outcome_unknown', exitCode: 10 });
    expect(service.asked).toHaveLength(2);
    expect((await refused([lost, plain], read)).error.code).not.toBe('outcome_unknown');
  },
);

test.each(['5x', '-1', '1.5', '', 'Sun, 31 Feb 2027 00:00:00 GMT', '0x10'])(
  "Retry-After '%s' is ignored",
  async (value) => {
    const { answer } = await answered([json(503, {}, { 'retry-after': value }), ok]);
    expect(answer.status).toBe(200);
  },
);

test.each([
  ['seconds', '1', {}],
  ['a date', 'Sun, 06 Nov 1994 08:49:38 GMT', { date: 'Sun, 06 Nov 1994 08:49:37 GMT' }],
])('a pause asked for in %s is never cut short', async (_form, value, headers) => {
  const started = performance.now();
  await answered([json(429, {}, { 'retry-after': value, ...headers }), ok], mint);
  expect(performance.now() - started).toBeGreaterThanOrEqual(1_000);
});

test.each([
  ['3600', 3_600_000, '1h'],
  ['999999999999', 999_999_999_999_000, 'd'],
  ['Fri, 01 Jan 2100 00:00:00 GMT', 3_600_000, '1h'],
])('Retry-After %s is beyond the budget: exit 7 at once, with the pause named', async (value, ms, words) => {
  const { error } = await refused(
    [json(429, {}, { 'retry-after': value, date: 'Thu, 31 Dec 2099 23:00:00 GMT' })],
    mint,
  );
  expect(error).toMatchObject({ code: 'rate_limited', exitCode: 7, retryAfterMs: ms });
  expect(error.message).toContain(words);
});

test.each([
  ['100', 'try again in 100s, or let it wait: --timeout 130s'],
  ['99999999999', 'try again in 1157408d'],
])('Retry-After %s: the hint names a --timeout only where one would be taken', async (value, hint) => {
  const { error } = await refused([json(429, {}, { 'retry-after': value })], mint);
  expect(error.hint).toBe(hint);
});

// How long it takes.

test('a service that never answers is a timeout (exit 7) for a read and unknown (exit 10) for a mint', async () => {
  expect((await refused([silent], read, { timeoutMs: 50 })).error).toMatchObject({
    code: 'timeout',
    exitCode: 7,
  });
  expect((await refused([silent], mint, { timeoutMs: 50 })).error.exitCode).toBe(10);
});

test('a body that never ends in time is a timeout too', async () => {
  const stalls: Reply = (response) =>
    void response.writeHead(200, { 'content-type': 'application/json' }).write('{');
  expect((await refused([stalls], read, { timeoutMs: 50 })).error.code).toBe('timeout');
});

test('the budget is for all calls together, and only waiting uses it up', async () => {
  const service = await scriptedService((response, asked) => {
    if (asked.url === '/slow') setTimeout(() => ok(response, asked), 500);
    else ok(response, asked);
  });
  const http = httpTo(service.url, { timeoutMs: 900 });
  await http.call({ ...read, path: ['slow'] });
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  await http.call(read);
  expect((await failureOf(http.call({ ...read, path: ['slow'] }))).code).toBe('timeout');
});

test('calls with time of their own have all of it each, however many there are', async () => {
  const service = await scriptedService((response, asked) => setTimeout(() => ok(response, asked), 200));
  const http = httpTo(service.url, { timeoutMs: 500 });
  for (let n = 0; n < 4; n++) await http.call({ ...read, ownTime: true });
  expect((await http.call(read)).status).toBe(200);
  const stuck = httpTo((await scriptedService([silent])).url, { timeoutMs: 50 });
  expect((await failureOf(stuck.call({ ...read, ownTime: true }))).code).toBe('timeout');
});

test('a budget longer than any timer is no hot loop', async () => {
  const service = await scriptedService([ok]);
  expect((await httpTo(service.url, { timeoutMs: 2 ** 40 }).call(read)).status).toBe(200);
});

test('an interruption ends a read at once with its own reason, and leaves a mint unknown', async () => {
  for (const [call, code] of [
    [read, 'interrupted'],
    [mint, 'outcome_unknown'],
  ] as const) {
    const interruption = new AbortController();
    const reply: Reply = () => interruption.abort(new KeysError('interrupted', 'interrupted'));
    const { error } = await refused([reply], call, { signal: interruption.signal });
    expect(error.code).toBe(code);
  }
});

test('an interruption between attempts ends the pause', async () => {
  const interruption = new AbortController();
  const { error } = await refused([json(429, {}, { 'retry-after': '5' })], mint, {
    signal: interruption.signal,
    trace: (line) =>
      line.includes('waiting') && interruption.abort(new KeysError('interrupted', 'interrupted')),
  });
  expect(error.code).toBe('interrupted');
});

test('close gives up what is still connecting or waiting', async () => {
  const service = await scriptedService(silent);
  const http = httpTo(service.url);
  const waiting = failureOf(http.call(read));
  await vi.waitFor(() => expect(service.asked).toHaveLength(1));
  await http.close();
  expect((await waiting).exitCode).toBe(7);
});

// What is traced.

test('a trace names method, URL, status and request id, and no secret', async () => {
  const redactor = new Redactor();
  const credential = redactor.know(new Secret('s3cr3t/+'));
  const lines: string[] = [];
  const call: Call = {
    ...mint,
    path: ['v1', 's3cr3t/+'],
    query: { q: 's3cr3t/+' },
    body: { secret: 's3cr3t/+' },
  };
  const replies = [json(429, {}, { 'retry-after': '0' }), json(201, {}, { 'x-request-id': 'r-9/s3cr3t/+' })];
  await answered(replies, call, { redactor, credential, trace: (line) => lines.push(line) });
  const text = lines.join('\n');
  expect(text).toMatch(/^> POST http:\/\/127\.0\.0\.1:\d+\/v1\/\[secret\]\?q=\[secret\]$/m);
  expect(text).toMatch(/^> POST .* \(attempt 2\)$/m);
  expect(text).toMatch(/^< 201, 2 bytes, request r-9\/\[secret\] after /m);
  expect(text).not.toMatch(/s3cr3t|authorization|bearer/i);
});

test.each([
  ['set', set],
  ['once', mint],
])(
  'a page in place of the answer to a %s is bad_response, although its status is one of success',
  async (_effect, call) => {
    const service = await scriptedService([framed('<!doctype html><title>Log in</title>', 'text/html')]);
    const error = await failureOf(httpTo(service.url).call(call));
    expect(error).toMatchObject({ code: 'bad_response', hint: expect.stringContaining('keys list') });
  },
);

test('a success of the type of a page is one when it is empty, or no page', async () => {
  for (const body of ['', 'OK']) {
    const service = await scriptedService([framed(body, 'text/html')]);
    expect((await httpTo(service.url).call(set)).status).toBe(200);
  }
});
