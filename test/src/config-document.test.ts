import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { authSchemes, nameProblem, type ProfileEntry, storeNames } from '../../src/config.ts';
import { editConfig, parseConfig } from '../../src/config-document.ts';
import type { Config } from '../../src/config-file.ts';
import { KeysError } from '../../src/errors.ts';

const path = '/home/alice/.config/keys/config.yaml';

function problemOf(source: string): KeysError {
  try {
    parseConfig(path, source);
  } catch (error) {
    if (error instanceof KeysError) return error;
    throw error;
  }
  throw new Error(`accepted: ${source}`);
}

const name = fc.stringMatching(/^[A-Za-z0-9._-]{1,64}$/).filter((text) => nameProblem(text) === null);
const words = fc.string({ unit: 'grapheme', minLength: 1 });
const file = words.map((text) => `/${text}`);
const entry: fc.Arbitrary<ProfileEntry> = fc.record(
  {
    url: fc.webUrl({ validSchemes: ['http', 'https'] }),
    driver: words,
    namespace: words,
    store: fc.constantFrom(...storeNames.filter((store) => store !== 'command')),
    credentialCommand: fc.array(words, { minLength: 1 }),
    authScheme: fc.constantFrom(...authSchemes),
    caFile: file,
    clientCertFile: file,
    clientKeyFile: file,
    insecureHttp: fc.boolean(),
  },
  { requiredKeys: ['url'], noNullPrototype: true },
);
const config: fc.Arbitrary<Config> = fc.record(
  { current: name, profiles: fc.dictionary(name, entry, { noNullPrototype: true }) },
  { requiredKeys: ['profiles'], noNullPrototype: true },
);

function write(source: string, wanted: Config): string {
  return editConfig(path, source, (editor) => {
    for (const existing of Object.keys(editor.config.profiles)) {
      if (!Object.hasOwn(wanted.profiles, existing)) editor.removeProfile(existing);
    }
    for (const [profile, fields] of Object.entries(wanted.profiles)) editor.setProfile(profile, fields);
    editor.setCurrent(wanted.current ?? null);
  });
}

test('what is written is what is read back, from nothing and over any earlier file', () => {
  fc.assert(
    fc.property(config, config, (first, second) => {
      const written = write('', first);
      expect(parseConfig(path, written).config).toEqual(first);
      expect(parseConfig(path, write(written, second)).config).toEqual(second);
    }),
  );
});

test('a change that changes nothing leaves the text as it is', () => {
  fc.assert(
    fc.property(config, (some) => {
      const written = write('', some);
      expect(write(written, some)).toBe(written);
    }),
  );
});

const commented = `# our services
current: prod # the careful one
profiles:
  # paid by operations
  prod:
    url: https://keys.example.com # behind the load balancer
    driver: keys
    store: keychain
  test: { url: "http://127.0.0.1:8787", store: none } # throw-away
`;

test('comments survive every kind of change', () => {
  const changed = editConfig(path, commented, (editor) => {
    editor.setCurrent('staging');
    editor.renameProfile('prod', 'production');
    editor.setProfile('test', { url: 'http://127.0.0.1:9999' });
    editor.setProfile('staging', { url: 'https://staging.example.com', driver: 'keys' });
  });
  expect(changed).toBe(`# our services
current: staging # the careful one
profiles:
  # paid by operations
  production:
    url: https://keys.example.com # behind the load balancer
    driver: keys
    store: keychain
  test: { url: "http://127.0.0.1:9999" } # throw-away
  staging:
    url: https://staging.example.com
    driver: keys
`);
});

test('the file cut at every byte is read or reported with its place, and never crashes', () => {
  const bytes = Buffer.from(commented);
  for (let length = 0; length <= bytes.length; length += 1) {
    const cut = bytes.subarray(0, length).toString();
    try {
      expect(parseConfig(path, cut).config.profiles).toBeTypeOf('object');
    } catch (error) {
      if (!(error instanceof KeysError)) throw error;
      expect(error.code).toBe('invalid');
      expect(error.message).toMatch(/^\/home\/alice\/\.config\/keys\/config\.yaml:\d+:\d+: \S/);
      expect(error.hint).toBeTruthy();
    }
  }
});

test('any text at all is read or reported, and never crashes', () => {
  const yamlish = fc.array(
    fc.constantFrom(
      'current',
      'profiles',
      'prod',
      'url',
      ':',
      ' ',
      '\n',
      '  ',
      '- ',
      '{',
      '}',
      '[',
      ']',
      '"',
      "'",
      '*a',
      '&a ',
      '!!',
      '<<',
      '__proto__',
      'https://x.y',
      '1',
      '~',
      '\t',
      '#',
      '|',
      '---',
      '%',
    ),
    { maxLength: 30 },
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        yamlish.map((parts) => parts.join('')),
      ),
      (source) => {
        try {
          parseConfig(path, source);
        } catch (error) {
          expect(error).toBeInstanceOf(KeysError);
        }
      },
    ),
    { numRuns: 5_000 },
  );
});

test.each([
  ['current: [1', ':1:12: ', 'Flow sequence'],
  ['a: 1\na: 2', ':2:1: ', 'unique'],
  ['curent: prod', ":1:1: there is no setting 'curent'", ''],
  ['current: 5', ':1:1: current must be text', ''],
  ['- prod', ':1:1: ', "must hold 'current' and 'profiles'"],
  ['profiles: prod', ':1:1: profiles must hold profiles by name', ''],
  ['profiles:\n  prod:', ':2:3: profiles.prod must have at least a url', ''],
  ['profiles:\n  prod: {}', ':2:3: profiles.prod.url must be a URL', ''],
  [
    'profiles:\n  prod:\n    url: ftp://x',
    ":3:5: profiles.prod.url: 'ftp://x' is not an http or https URL",
    '',
  ],
  ['profiles:\n  a b:\n    url: https://x', ":2:3: 'a b' is not a profile name", ''],
  ['profiles:\n  __proto__:\n    url: https://x', ":2:3: '__proto__' is not a profile name", ''],
  ['profiles:\n  local:\n    url: https://x', ":2:3: 'local' is the built-in profile", ''],
  [
    'profiles:\n  p:\n    url: https://x\n    store: cloud',
    ':4:5: profiles.p.store must be one of keychain, file, command, none',
    '',
  ],
  ['profiles:\n  p:\n    url: https://x\n    store: command', ":2:3: profiles.p has the store 'command'", ''],
  [
    'profiles:\n  p:\n    url: https://x\n    credentialCommand: op read',
    ':4:5: profiles.p.credentialCommand must be a list',
    '',
  ],
  [
    'profiles:\n  p:\n    url: https://x\n    credentialCommand: [op, 5]',
    ':4:29: profiles.p.credentialCommand.1 must be text',
    '',
  ],
  ['profiles:\n  p: { url: https://x, colour: red }', ":2:24: there is no setting 'colour'", ''],
  [
    'profiles:\n  p: { url: https://x, caFile: ~/ca.pem }',
    ':2:24: profiles.p.caFile must be an absolute path',
    '',
  ],
  ['current: *nowhere', ':1:10: there is no anchor &nowhere', "takes quotes: '*nowhere'"],
  ['current: !!secret x', ':1:10: Unresolved tag', ''],
  ['--- \ncurrent: a\n---\ncurrent: b', ':3:1: there is a second document after ---', ''],
])('%j is reported as wrong, with line and column', (source, place, what) => {
  const { code, message } = problemOf(source);
  expect(code).toBe('invalid');
  expect(message).toContain(`${path}${place}`);
  expect(message).toContain(what);
});

test.each(['token', 'secret', 'password', 'apiKey', 'api_key', 'accessToken', 'credential', 'authorization'])(
  "a secret under '%s' is refused without being repeated, and keys auth login is named",
  (field) => {
    const { message, hint } = problemOf(`profiles:\n  prod:\n    url: ftp://bad\n    ${field}: hunter2\n`);
    expect(message).toContain(`config.yaml:4:5: '${field}' does not belong here`);
    expect(hint).toContain('keys auth login -p prod');
    expect(message + hint).not.toContain('hunter2');
  },
);

test('a password in a URL is refused without being repeated', () => {
  const { message, hint } = problemOf(
    'profiles:\n  prod:\n    url: https://alice:hunter2@keys.example.com\n',
  );
  expect(message).toContain('user name or a password');
  expect(message + hint).not.toContain('hunter2');
});

test('a change of a broken file is refused', () => {
  expect(() => editConfig(path, 'current: [', ({ setCurrent }) => setCurrent('x'))).toThrow(KeysError);
});

test('a profile written as an alias is read, but not changed', () => {
  const source = 'profiles:\n  a: &a\n    url: https://x.y\n  b: *a\n';
  expect(parseConfig(path, source).config.profiles.b).toEqual({ url: 'https://x.y' });
  expect(() => editConfig(path, source, ({ setProfile }) => setProfile('b', { url: 'https://z' }))).toThrow(
    'an alias',
  );
});

test.each(['---\n', '--- # mine\n', 'null\n', '~', '---\n...\n'])(
  'a file that holds nothing is written to: %j',
  (source) => {
    const changed = editConfig(path, source, ({ setProfile }) => setProfile('a', { url: 'https://x.y' }));
    expect(parseConfig(path, changed).config.profiles).toEqual({ a: { url: 'https://x.y' } });
  },
);

test('a profile that another one refers to cannot be removed, and the hint says what to do', () => {
  const source = 'profiles:\n  a: &a\n    url: https://x.y\n  b: *a\n';
  expect(() => editConfig(path, source, ({ removeProfile }) => removeProfile('a'))).toThrow(
    expect.objectContaining({
      ...{ code: 'invalid', message: expect.stringContaining('used elsewhere in the file') },
      hint: expect.stringContaining('without an alias'),
    }),
  );
});

test('nothing but the error is said of a key that is a list', async () => {
  const warnings: Error[] = [];
  const hear = (warning: Error) => warnings.push(warning);
  process.on('warning', hear);
  onTestFinished(() => void process.off('warning', hear));
  expect(() => parseConfig(path, 'profiles:\n  ? [a, b]\n  : url: https://x.y\n')).toThrow(KeysError);
  await new Promise(setImmediate);
  expect(warnings).toEqual([]);
});
