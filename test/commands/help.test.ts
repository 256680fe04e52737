import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { createProgram } from '../../commands/main.ts';
import { examplesOf } from '../../commands/options.ts';
import { declared } from '../../commands/register.ts';
import { type App, createApp } from '../../src/app.ts';
import { KeysError } from '../../src/errors.ts';
import { blankKey } from '../../src/keys.ts';
import { collectingSink, newHome } from '../run.ts';

describe('the help', () => {
  test.each(['', '--help', 'help'])('of the whole is on stdout with exit 0: keys %s', async (line) => {
    const { code, stdout, stderr } = await newHome().keys(line === '' ? [] : line.split(' '));
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^Usage: keys /);
  });

  test('of the whole shows commands before options, then examples and topics, in 80 columns', async () => {
    const { stdout } = await newHome().keys('--help');
    const order = ['Keys:', 'Services and credentials:', 'Other:', 'Options:', 'Examples:', 'Topics:'];
    expect(order.map((heading) => stdout.indexOf(`\n${heading}\n`))).toEqual(
      order.map((heading) => stdout.indexOf(`\n${heading}\n`)).toSorted((a, b) => a - b),
    );
    expect(order.filter((heading) => !stdout.includes(`\n${heading}\n`))).toEqual([]);
    expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([]);
    expect(stdout).not.toContain('__');
  });

  test('of a command and of one in a group is what --help of it shows', async () => {
    const home = newHome();
    for (const words of ['list', 'profile', 'profile add']) {
      const { code, stdout } = await home.keys(`help ${words}`);
      expect({ code, stdout }).toEqual({ code: 0, stdout: (await home.keys(`${words} --help`)).stdout });
      expect(stdout).toMatch(new RegExp(`^Usage: keys ${words}[ |]`));
    }
  });

  test('of a command shows every name it has', async () => {
    expect((await newHome().keys('revoke --help')).stdout).toMatch(
      /^Usage: keys revoke\|delete\|rm \[options\] \[keys\.\.\.\]\n/,
    );
  });

  test.each([
    ['help lsit', "there is no help for 'lsit'", 'did you mean keys help list?'],
    ['help profile ad', "there is no help for 'profile ad'", 'did you mean keys help profile add?'],
    ['help exit-code', "there is no help for 'exit-code'", 'did you mean keys help exit-codes?'],
    ['help qqqqqq', "there is no help for 'qqqqqq'", 'keys help lists commands and topics'],
  ])('of an unknown topic exits 2 and says what there is: keys %s', async (line, message, hint) => {
    expect(await newHome().keys(line)).toEqual({
      code: 2,
      stdout: '',
      stderr: `keys: ${message}\nhint: ${hint}\n`,
    });
  });

  test('that cannot be written does not exit 0', async () => {
    const stdout = {
      ...collectingSink(),
      write: () => Promise.reject(new KeysError('unexpected', 'disk full')),
    };
    expect((await newHome().keys('--help', { stdout })).code).toBe(1);
  });
});

describe('topics', () => {
  test.each(['exit-codes', 'environment', 'output', 'drivers'])('%s fits 80 columns', async (topic) => {
    const { code, stdout } = await newHome().keys(`help ${topic}`);
    expect(code).toBe(0);
    expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([]);
  });

  test('output shows every field of a key', async () => {
    const { stdout } = await newHome().keys('help output');
    expect(Object.keys(blankKey).filter((field) => !stdout.includes(`"${field}":`))).toEqual([]);
  });

  test('exit-codes gives programs the table that ends every run', async () => {
    const rows = await newHome().json<{ exit: number; codes: string[] }[]>('help exit-codes');
    expect(rows.map(({ exit }) => exit)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 130, 143]);
    expect(rows.find(({ exit }) => exit === 7)?.codes).toEqual(['unavailable', 'timeout', 'rate_limited']);
  });

  test('environment names every variable that the sources read', async () => {
    const { stdout } = await newHome().keys('help environment');
    const sources = ['src', 'commands'].flatMap((folder) =>
      readdirSync(folder, { recursive: true, encoding: 'utf8' })
        .filter((path) => path.endsWith('.ts') && !path.startsWith('help'))
        .map((path) => readFileSync(join(folder, path), 'utf8')),
    );
    const read = new Set(sources.flatMap((source) => source.match(/\bKEYS_[A-Z]+(?:_[A-Z]+)*\b/g) ?? []));
    // How the PowerShell script sends the words to complete; not for people.
    read.delete('KEYS_COMPLETE_WORDS');
    expect([...read].filter((name) => !stdout.includes(`  ${name} `))).toEqual([]);
  });
});

test('every example in the help is a command line that can be parsed', async () => {
  const app = quietApp();
  const examples: string[] = [];
  const commandLines = async (command: Command): Promise<void> => {
    examples.push(...examplesOf(await declared(command)));
    for (const subcommand of command.commands) await commandLines(subcommand);
  };
  await commandLines(createProgram(app, []));

  expect(examples.length).toBeGreaterThan(30);
  for (const words of examples.flatMap(callsIn)) {
    const program = createProgram(app, []);
    let command = program;
    for (const word of words) {
      const found = command.commands.find((candidate) => candidate.name() === word);
      if (!found) break;
      command = await declared(found);
    }
    let ran = false;
    command.action(() => {
      ran = true;
    });
    await program.parseAsync(words, { from: 'user' });
    expect(ran, words.join(' ')).toBe(true);
    // Standard input that is a list of keys cannot answer a question.
    const asks = words.includes('-') && /^(revoke|rotate|regenerate)$/.test(words[0] ?? '');
    if (asks) expect(words).toContain('--yes');
  }
});

test('every command has an example, and every help topic that is named anywhere is there', async () => {
  const app = quietApp();
  const without: string[] = [];
  const look = async (command: Command): Promise<void> => {
    const { commands } = await declared(command);
    if (commands.length === 0 && !command.name().startsWith('__') && examplesOf(command).length === 0) {
      without.push(command.name());
    }
    for (const subcommand of commands) await look(subcommand);
  };
  await look(createProgram(app, []));
  expect(without).toEqual([]);

  const texts = ['src', 'commands', 'docs'].flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((path) => /\.(ts|md)$/.test(path))
      .map((path) => readFileSync(join(folder, path), 'utf8')),
  );
  const topics = new Set(texts.flatMap((text) => text.match(/(?<=keys help )[a-z][a-z-]+/g) ?? []));
  for (const topic of topics) {
    // `keys help lists …` is a sentence.
    if (topic !== 'lists') expect((await newHome().keys(['help', topic])).code, topic).toBe(0);
  }
});

function quietApp(): App {
  const stdout = collectingSink();
  const io = { stdin: { isTerminal: false, readAll: async () => '' }, stdout, stderr: stdout, columns: 80 };
  return createApp({ io, env: newHome().env, signal: new AbortController().signal });
}

/** The words that the shell would hand to each keys in a line. */
function callsIn(line: string): string[][] {
  return line
    .split(' | ')
    .filter((part) => part.startsWith('keys '))
    .map((part) =>
      (part.replace(/ [<>] \S+$/, '').match(/'[^']*'|\S+/g) ?? [])
        .slice(1)
        .map((word) => word.replace(/^'(.*)'$/, '$1')),
    );
}
