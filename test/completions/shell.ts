/** An interactive shell in a real terminal, with a `keys` that completes for real and otherwise only notes its arguments. */
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export const launcher = resolve('bin/keys.js');

export type ShellName = 'bash' | 'zsh' | 'fish';

/** How each is started, and what makes its prompt one to wait for. */
const starts: Record<ShellName, { command: string; file: string; setup: string }> = {
  bash: {
    command: 'bash --noprofile --rcfile .bashrc -i',
    file: '.bashrc',
    setup: "PS1='READY> '; bind 'set bell-style none'",
  },
  zsh: {
    command: 'zsh -i',
    file: '.zshrc',
    setup: "PROMPT='READY> '; unsetopt beep",
  },
  fish: {
    command: 'fish -i',
    file: '.config/fish/config.fish',
    setup:
      "function fish_prompt; echo -n 'READY> '; end; set -g fish_greeting; set -g fish_autosuggestion_enabled 0",
  },
};

/** The line of docs/completions.md that installs completion in a shell. */
function installation(name: ShellName): string {
  const page = readFileSync('docs/completions.md', 'utf8');
  const [, line] = new RegExp(`^## ${name}$[^#]*?^\`\`\`sh\\n(.*)\\n\`\`\`$`, 'm').exec(page) ?? [];
  if (!line) throw new Error(`docs/completions.md does not say how to install completion in ${name}`);
  return line;
}

export interface Shell {
  readonly home: string;
  /** Types keystrokes; `\t` completes. */
  type(text: string): void;
  /** Types a line, presses Enter, and gives the arguments that `keys` was then called with. */
  run(line: string): Promise<string[]>;
  /** Throws away what was typed and waits for an empty prompt. */
  clear(): Promise<void>;
  /** What the terminal shows, once `shown` says that it is all there. */
  screen(shown: (text: string) => boolean): Promise<string>;
  end(): void;
}

export function isInstalled(program: string): boolean {
  return ['/usr/bin', '/bin'].some((folder) => existsSync(join(folder, program)));
}

/** A home with `keys` on its PATH. */
export function newShellHome(): { path: string; env: Record<string, string> } {
  const path = mkdtempSync(join(tmpdir(), 'keys-shell-'));
  mkdirSync(join(path, 'bin'));
  writeFileSync(
    join(path, 'bin', 'keys'),
    `#!/bin/sh
case $1 in
  __*|completion) exec '${process.execPath}' '${launcher}' "$@" ;;
esac
{ printf '%s\\0' "$@"; printf 'END\\0'; } >> '${path}/called'
`,
  );
  chmodSync(join(path, 'bin', 'keys'), 0o755);
  const env = {
    HOME: path,
    ZDOTDIR: path,
    PATH: `${join(path, 'bin')}:/usr/bin:/bin`,
    LANG: 'C.UTF-8',
    HISTFILE: '/dev/null',
    KEYS_CONFIG_DIR: join(path, 'config'),
    KEYS_DATA_DIR: join(path, 'data'),
    KEYS_STATE_DIR: join(path, 'state'),
  };
  return { path, env };
}

/** Runs the built program itself in such a home. */
export function realKeys(env: Record<string, string>, ...argv: string[]): string {
  return execFileSync(process.execPath, [launcher, ...argv], { env, encoding: 'utf8' });
}

export async function startShell(name: ShellName, home = newShellHome()): Promise<Shell> {
  const { command, file, setup } = starts[name];
  mkdirSync(join(home.path, file, '..'), { recursive: true });
  writeFileSync(join(home.path, file), `${setup}\n`);
  execFileSync('sh', ['-c', installation(name)], { cwd: home.path, env: home.env });
  const socket = join(home.path, 'tmux');
  const tmux = (...args: string[]) =>
    execFileSync('tmux', ['-S', socket, '-f', '/dev/null', ...args], {
      cwd: home.path,
      env: { ...home.env, TERM: 'xterm' },
      encoding: 'utf8',
    });
  tmux('-u', 'new-session', '-d', '-x', '100', '-y', '40', command);

  const screen: Shell['screen'] = async (shown) => {
    for (;;) {
      const text = tmux('capture-pane', '-p', '-J');
      if (shown(text)) return text;
      await sleep(20);
    }
  };
  const type = (text: string) => void tmux('send-keys', '-l', text);
  const prompt = (text: string) => text.trimEnd().endsWith('READY>');
  await screen(prompt);

  return {
    home: home.path,
    type,
    screen,
    async run(line) {
      const called = join(home.path, 'called');
      rmSync(called, { force: true });
      type(line);
      tmux('send-keys', 'Enter');
      for (;;) {
        const words = existsSync(called) ? readFileSync(called, 'utf8').split('\0') : [];
        if (words.at(-2) === 'END') return words.slice(0, -2);
        await sleep(20);
      }
    },
    async clear() {
      tmux('send-keys', 'C-u');
      tmux('send-keys', 'C-l');
      await screen((text) => text.trim() === 'READY>');
    },
    end() {
      tmux('kill-server');
      // The shell and what it started may still be writing.
      rmSync(home.path, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
    },
  };
}
