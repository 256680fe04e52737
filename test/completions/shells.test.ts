import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isInstalled, newShellHome, realKeys, type Shell, type ShellName, startShell } from './shell.ts';

/** Each with what is typed of it before Tab is pressed. */
const names = [
  ['demo', 'de'],
  ['aa bb', 'aa'],
  ["bb'cc", 'bb'],
  ['cc"dd', 'cc'],
  ['dd$(touch ran)', 'dd'],
  ['ff:gg', 'ff'],
  ['gg中文 钥匙', 'gg'],
  ['hh!!x', 'hh'],
  ['ii\\jj', 'ii'],
  ['jj;touch ran&kk', 'jj'],
  ['kk*?[x]', 'kk'],
  ['ll~{a,b}', 'll'],
  ['mm=nn', 'mm'],
  ['nn#oo%pp^', 'nn'],
  ['oo@pp', 'oo'],
  ['pp|touch ran>qq<rr', 'pp'],
  ['qq$HOME', 'qq'],
  ['钥匙 one', '钥'],
  // Last, because bash completes nothing behind a pair of backticks, however they are quoted.
  ['ee`touch ran`', 'ee'],
] as const;

const shellNames: ShellName[] = ['bash', 'zsh', 'fish'];
const missing = shellNames.filter((name) => !isInstalled(name) || !isInstalled('tmux'));

for (const name of missing) test.skip(`in a real ${name}: it, or tmux, is not installed here`);

describe.each(shellNames.filter((name) => !missing.includes(name)))('in a real %s', (shellName) => {
  let shell: Shell;

  beforeAll(async () => {
    const home = newShellHome();
    for (const [name] of names) realKeys(home.env, 'create', name, '-q');
    realKeys(home.env, '__learn');
    shell = await startShell(shellName, home);
  });
  afterAll(() => shell.end());

  test.each([
    ['a command', 'keys sho\t', ['show']],
    ['a subcommand', 'keys profile sho\t', ['profile', 'show']],
    ['an option and its value', 'keys list --sta\tact\t', ['list', '--status', 'active']],
    ['a value after an equals sign', 'keys list --status=dis\t', ['list', '--status=disabled']],
    ['a value of a short option', 'keys list -o nd\t', ['list', '-o', 'ndjson']],
    ['a profile', 'keys list -p lo\t', ['list', '-p', 'local']],
    ['a role', 'keys list --role view\t', ['list', '--role', 'viewer']],
    ['a topic', 'keys help exi\t', ['help', 'exit-codes']],
    ['a command after an assignment', 'LEFT=1 keys sho\t', ['show']],
    ['a command after another', 'true; keys sho\t', ['show']],
    ['a command within help', 'keys help profile re\tn\t', ['help', 'profile', 'rename']],
  ])('%s is completed', async (_what, line, words) => {
    expect(await shell.run(line)).toEqual(words);
  });

  test.each([
    ['no quote', ''],
    ['a double quote', '"'],
    ['a single quote', "'"],
  ])('every name arrives as one argument, completed after %s', async (_what, quote) => {
    const chosen = quote === '' ? names : names.filter(([name]) => /[\s'"`$!\\]/.test(name));
    const typed = chosen.map(([, start]) => `${quote}${start}\t`).join('');
    expect(await shell.run(`keys revoke ${typed}`)).toEqual(['revoke', ...chosen.map(([name]) => name)]);
  });

  test.each([
    ['a blank', 'keys show aa\\ b\t', 'aa bb'],
    ['a colon', 'keys show ff:g\t', 'ff:gg'],
    ['an equals sign', 'keys show mm=n\t', 'mm=nn'],
    ['an at sign', 'keys show oo@p\t', 'oo@pp'],
  ])('a name is completed beyond %s', async (_what, line, name) => {
    expect(await shell.run(line)).toEqual(['show', name]);
  });

  test('a key that is there already is not offered again', async () => {
    expect(await shell.run('keys revoke demo d\t')).toEqual(['revoke', 'demo', 'dd$(touch ran)']);
  });

  test('a file is completed where one is wanted, and after a redirection', async () => {
    writeFileSync(join(shell.home, 'a file.pem'), '');
    expect(await shell.run('keys profile add x --ca-file a\\ f\t')).toEqual([
      'profile',
      'add',
      'x',
      '--ca-file',
      'a file.pem',
    ]);
    expect(await shell.run('keys list < a\\ f\t')).toEqual(['list']);
  });

  test('a destination goes on after its colon', async () => {
    expect(await shell.run('keys create x --to fi\tout')).toEqual(['create', 'x', '--to', 'file:out']);
  });

  test('what could follow is shown', async () => {
    shell.type('keys list --status=\t\t');
    await shell.screen((text) => ['active', 'disabled', 'revoked'].every((status) => text.includes(status)));
    await shell.clear();
  });

  test.each([
    ['nothing fits', 'keys show zzz\tX'],
    ['there is no such profile', 'keys show -p missing d\tX'],
  ])('nothing is shown and nothing is typed when %s', async (_what, line) => {
    shell.type(line);
    const screen = await shell.screen((text) => text.includes('X'));
    expect(screen.trim()).toBe(`READY> ${line.replace('\t', '')}`);
    await shell.clear();
  });

  test('nothing that a name contains was run', () => {
    expect(existsSync(join(shell.home, 'ran'))).toBe(false);
  });
});
