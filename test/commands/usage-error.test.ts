import { expect, test } from 'vitest';
import { newHome } from '../run.ts';

test.each([
  ['lst', "unknown command 'lst'", 'did you mean keys list?'],
  ['frobnicate', "unknown command 'frobnicate'", 'keys --help lists the commands'],
  ['profile ad', "unknown command 'ad'", 'did you mean keys profile add?'],
  ['profile frobnicate', "unknown command 'frobnicate'", 'keys profile --help lists the commands'],
  ['list --statsu active', "unknown option '--statsu'", 'did you mean --status?'],
  ['list --frobnicate', "unknown option '--frobnicate'", 'keys list --help lists the options'],
  ['--frobnicate', "unknown option '--frobnicate'", 'keys --help lists the options'],
  ['profile use', "missing argument 'name'", 'keys profile use <name>'],
  ['list demo', 'too many arguments: keys list takes no arguments', 'keys list --help'],
  ['show a b', 'too many arguments: keys show takes one argument', 'keys show --help'],
  [
    'edit k --description -quick',
    "'-quick' is neither options nor the value of one",
    'a value that begins with a dash goes after an equals sign: --description=-quick',
  ],
  [
    'profile add x --driver acme.mjs',
    "option '--driver <name>': 'acme.mjs' is no driver; a file is written ./acme.mjs",
    'keys profile add --help',
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
