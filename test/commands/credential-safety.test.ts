/** A service has the administrator's credential, and may repeat it: nothing that a person or a log sees has it. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Reply, scriptedService } from '../fakes/wire.ts';
import { newHome } from '../run.ts';

const token = 'keys_p+ss/w0rd_of_the_administrator';
const encoded = [encodeURIComponent(token), Buffer.from(token).toString('base64url')];

/** A refusal that repeats the credential wherever it can say anything. */
const repeating: Reply = (response, { headers }) => {
  const sent = String(headers.authorization);
  const said = `'${sent}' (${encoded.join(', ')}) may not`;
  response.writeHead(403, { 'content-type': 'application/problem+json', 'x-request-id': sent });
  response.end(JSON.stringify({ code: 'forbidden', detail: said, hint: said }));
};

const mapping = `title: Acme
key: { id: id, name: name }
list: { method: GET, path: /keys }
errors: { message: detail }
`;

test.each(['KEYS_TOKEN', 'KEYS_TOKEN_FILE', 'credentialCommand'])(
  'a credential from %s is blanked in errors, hints, request ids and traces, as it is and encoded',
  async (source) => {
    const home = newHome();
    mkdirSync(join(home.path, 'config'));
    const file = (name: string, text: string) => {
      writeFileSync(join(home.path, name), text);
      return join(home.path, name);
    };
    const { url, asked } = await scriptedService(repeating);
    const path = file('token', `${token}\n`);
    const profile = { url, store: 'command', credentialCommand: ['cat', path] };
    const mapped = { ...profile, driver: 'rest', settings: { mapping: file('acme.yaml', mapping) } };
    file('config/config.yaml', JSON.stringify({ profiles: { own: profile, mapped } }));
    const given = { KEYS_TOKEN: { KEYS_TOKEN: token }, KEYS_TOKEN_FILE: { KEYS_TOKEN_FILE: path } }[source];
    const env = { PATH: process.env.PATH, ...given };
    for (const words of [
      ...['list -p own', 'list -p own -o json', 'create demo -p own', 'revoke one two -y -o json -p own'],
      ...['auth status -p own', `auth login --url ${url}/a --store none${given ? '' : ' --with-token'}`],
      ...['list -p mapped', 'profile check mapped'],
    ]) {
      const before = asked.length;
      const { code, stdout, stderr } = await home.keys(`${words} --debug`, { env, stdin: token });
      expect(code, words).not.toBe(0);
      expect(asked.length, words).toBeGreaterThan(before);
      expect(stderr, words).toMatch(/\[secret\].* may not/);
      for (const text of [token, ...encoded]) expect(stdout + stderr, words).not.toContain(text.slice(0, 12));
    }
    for (const { headers } of asked) expect(headers.authorization).toBe(`Bearer ${token}`);
  },
);
