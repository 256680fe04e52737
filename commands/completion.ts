/** `keys completion <shell>`: prints one of the scripts in `completions/`. */
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { Argument, type Command } from 'commander';
import type { App } from '../src/app.ts';
import { KeysError } from '../src/errors.ts';
import { addExamples } from './options.ts';

const shells = {
  bash: { script: 'keys.bash', install: `echo 'eval "$(keys completion bash)"' >> ~/.bashrc` },
  zsh: { script: 'keys.zsh', install: `echo 'source <(keys completion zsh)' >> ~/.zshrc` },
  fish: {
    script: 'keys.fish',
    install:
      'mkdir -p ~/.config/fish/completions; keys completion fish > ~/.config/fish/completions/keys.fish',
  },
  powershell: {
    script: 'keys.ps1',
    install: "Add-Content $PROFILE 'keys completion powershell | Out-String | Invoke-Expression'",
  },
};

type Shell = keyof typeof shells;
const shellNames = Object.keys(shells) as Shell[];

export function declare(command: Command, app: App): void {
  command
    .addArgument(new Argument('[shell]', 'the shell to complete in').choices(shellNames))
    .action((shell?: Shell) => completion(app, shell));
  addExamples(command, [
    'keys completion bash',
    'keys completion fish > ~/.config/fish/completions/keys.fish',
  ]);
}

export async function completion(app: App, given?: Shell): Promise<void> {
  const { isTerminal } = app.io.stdout;
  const shell = given ?? (isTerminal ? ownShell(app) : null);
  if (!shell) {
    throw new KeysError('invalid', 'name the shell to complete in', {
      hint: `keys completion ${shellNames[0]}`,
    });
  }
  const { script, install } = shells[shell];
  // The built program and its sources are both one folder deep in the package.
  await app.printer.text(await readFile(new URL(`../completions/${script}`, import.meta.url), 'utf8'));
  if (isTerminal)
    await app.note(`To complete keys in ${shell}, run this once and start a new shell:\n  ${install}`);
}

/** The shell a person works in, as far as `SHELL` tells. */
function ownShell({ env }: App): Shell | null {
  const name = basename(env.SHELL ?? '');
  return shellNames.find((shell) => shell === name) ?? null;
}
