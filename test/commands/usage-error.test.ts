import { expect, test } from 'vitest';
import { newHome } from '../run.ts';

test.each([
  ['lst', "unknown command 'lst'", 'did you mean keys list?'],
  ['frobnicate', "unknown command 'frobnicate'", 'keys --help lists the commands'],
  ['lst --help', "unknown command 'lst'", 'did you mean keys list?'],
  ['profile frobnicate -h', "unknown command 'frobnicate'", 'keys profile --help lists the commands'],
  ['profile ad', "unknown command 'ad'", 'did you mean keys profile add?'],
  ['profile frobnicate', "unknown command 'frobnicate'", 'keys profile --help lists the commands'],
  ['list --statsu active', "unknown option '--statsu'", 'did you mean --status?'],
  ['list --exp 14d', "unknown option '--exp'", 'did you mean --expiring-within?'],
  ['list --no', "unknown option '--no'", 'did you mean --no-expiry or --no-input or --no-color?'],
  ['list --all', "unknown option '--all'", 'did you mean --all-namespaces?'],
  ['rotate k --alow-gap', "unknown option '--alow-gap'", 'did you mean --allow-gap?'],
  [
    'rotate k --allow',
    "unknown option '--allow'",
    'keys rotate --help lists the options; a name that begins with a dash goes last, after --',
  ],
  [
    'rotate --all',
    "unknown option '--all'",
    'keys rotate --help lists the options; a name that begins with a dash goes last, after --',
  ],
  ['create k -force', "unknown option '-force'", 'did you mean --force?'],
  ['list --frobnicate', "unknown option '--frobnicate'", 'keys list --help lists the options'],
  ['--frobnicate', "unknown option '--frobnicate'", 'keys --help lists the options'],
  [
    'show -foo',
    "unknown option '-foo'",
    'keys show --help lists the options; a name that begins with a dash goes last, after --',
  ],
  [
    'show -quick',
    "'-quick' is neither options nor the value of one",
    'a name that begins with a dash goes last, after --',
  ],
  ['revoke demo -yes', "'-yes' is neither options nor the value of one", 'did you mean --yes?'],
  ['profile use', "missing argument 'name'", 'keys profile use <name>'],
  ['list demo', 'too many arguments: keys list takes no arguments', 'keys list --help'],
  ['show a b', 'too many arguments: keys show takes one argument', 'keys show --help'],
  [
    'edit k --description -quick',
    "'-quick' is neither options nor the value of one",
    'a value that begins with a dash goes after an equals sign: --description=-quick',
  ],
  [
    'create k --description -pass',
    "option '--description <text>' needs a value, and '-pass' reads as an option",
    'a value that begins with a dash goes after an equals sign: --description=-pass',
  ],
  [
    'create k --description -nightly --discard',
    "option '--description <text>' needs a value, and '-nightly' reads as an option",
    'a value that begins with a dash goes after an equals sign: --description=-nightly',
  ],
  [
    'create k --description --if-absent',
    "option '--description <text>' needs a value, and '--if-absent' reads as an option",
    'a value that begins with a dash goes after an equals sign: --description=--if-absent',
  ],
  [
    'list -p -q',
    "option '-p, --profile <name>' needs a value, and '-q' reads as an option",
    'a value that begins with a dash goes after an equals sign: --profile=-q',
  ],
  [
    'list --owner --',
    "option '--owner <name>' needs a value, and '--' is the end of the options",
    'a value that begins with a dash goes after an equals sign: --owner=--',
  ],
  [
    'profile add x --driver acme.mjs',
    "option '--driver <name>': 'acme.mjs' is no driver; a file is written ./acme.mjs",
    'keys profile add --help',
  ],
  [
    'create ci --timeout 0',
    "option '--timeout <duration>': no time at all is too short for an answer",
    'keys --help',
  ],
  ['list --limit', "option '--limit <n>' needs a value", 'keys list --help'],
  [
    'list --limit many',
    "option '--limit <n>': 'many' is not a whole number of at least 1",
    'keys list --help',
  ],
  [
    'list --status asleep',
    "option '--status <status>': 'asleep' is not one of active, disabled, expired, revoked, all",
    'keys list --help',
  ],
  [
    'completion tcsh',
    "argument 'shell': 'tcsh' is not one of bash, zsh, fish, powershell",
    'keys completion --help',
  ],
])('keys %s exits 2 and says what to type instead', async (line, message, hint) => {
  expect(await newHome().keys(line)).toEqual({
    code: 2,
    stdout: '',
    stderr: `keys: ${message}\nhint: ${hint}\n`,
  });
});

test('the hint for a value that begins with a dash works when it is typed, also with spaces in it', async () => {
  const { stderr } = await newHome().keys(['create', 'k', '--description', '-n it', '--discard']);
  expect(stderr).toContain("--description='-n it'");
  const torn = await newHome().keys(['create', '--name', '-quick $HOME', '--discard']);
  expect(torn.stderr).toContain("--name='-quick $HOME'");
});

test('a name that begins with a dash goes last, after --', async () => {
  const home = newHome();
  for (const name of ['-foo', '-quick', '--help'])
    expect(await home.keys(['create', '--discard', '--', name]), name).toMatchObject({ code: 0 });
  for (const name of ['-foo', '-quick', '--help'])
    expect(await home.keys(['show', '-o', 'name', '--', name])).toMatchObject({
      code: 0,
      stdout: `${name}\n`,
    });
});

test.each(['list --owner', 'list --role', 'list --name', 'list -n', 'list -p', 'revoke --yes --owner'])(
  'keys %s with an empty value exits 2: it would choose nothing and look like all is well',
  async (line) => {
    const { code, stdout, stderr } = await newHome().keys([...line.split(' '), '']);
    expect({ code, stdout, stderr }).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining('the value is empty'),
    });
  },
);

test('a value may look like letters of options, and begin with a dash where it is no option', async () => {
  const home = newHome();
  expect(await home.keys('list -p local --name none -n nope')).toMatchObject({ code: 0, stderr: '' });
  await home.keys('create --name -x --discard');
  expect(await home.keys('list --name -x -o name')).toMatchObject({ code: 0, stdout: '-x\n' });
});

test('a value with a line break in it does not hide what is wrong', async () => {
  const { code, stderr } = await newHome().keys(['list', '--limit', 'a\nb']);
  expect({ code, stderr }).toEqual({
    code: 2,
    stderr: "keys: option '--limit <n>': 'a b' is not a whole number of at least 1\nhint: keys list --help\n",
  });
});

test('short options stand together, and a value after an equals sign may begin with a dash', async () => {
  const home = newHome();
  await home.keys('create ci');
  expect(await home.keys('edit ci --description=-quick -qyo json --query description')).toMatchObject({
    code: 0,
    stdout: '"-quick"\n',
  });
  expect(await home.keys('list -yqplocal -oname')).toMatchObject({ code: 0, stdout: 'ci\n' });
});

test.each(['show nope -qojson --frob', 'show nope --output=json --frob', 'show nope --json --frob'])(
  'keys %s: an error of a command line that cannot be parsed is JSON, too',
  async (line) => {
    const { code, stderr } = await newHome().keys(line);
    expect({ code, error: JSON.parse(stderr) }).toMatchObject({
      code: 2,
      error: { error: { code: 'invalid' } },
    });
  },
);

test('a key that is called --json does not make JSON of an error', async () => {
  expect((await newHome().keys('show -- --json')).stderr).toMatch(/^keys: /);
});
