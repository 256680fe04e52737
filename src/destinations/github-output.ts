import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, statfs } from 'node:fs/promises';
import { KeysError } from '../errors.ts';
import { isMissing } from '../files.ts';
import { Secret } from '../secret.ts';
import { failing, fileError, invalidTarget } from './failure.ts';
import type { DestinationKind } from './index.ts';

/**
 * Wire facts: "Workflow commands for GitHub Actions" (docs.github.com): `::add-mask::`, the file in GITHUB_OUTPUT, and its form for
 * values of several lines. The runner looks for commands in a step's standard error as well as its output (actions/runner,
 * ScriptHandler.cs), so the mask is set there: it works also inside `$(…)`, and standard output stays the result. How it reads the file,
 * and that it fails the step over one line that is no output: actions/runner, FileCommandManager.cs.
 */
export const githubOutput: DestinationKind = {
  name: 'github-output',
  syntax: 'github-output:NAME',
  summary: 'an output of a GitHub Actions step, masked',
  example: 'keys create deploy-$GITHUB_RUN_ID --expires 1h --to github-output:token',
  detail:
    'Tells the runner to mask the secret in the log, then appends it to the file in GITHUB_OUTPUT; later steps of the job read it as ' +
    'steps.<id>.outputs.NAME. GitHub does not pass an output that holds a masked value on to other jobs: there, use github-secret.',
  readable: true,
  open(target, { io, env, redactor }) {
    if (!/^[A-Za-z_][A-Za-z0-9_-]*$/.test(target)) {
      throw invalidTarget(
        githubOutput,
        `'${target}' is no name for an output: letters, digits, - and _, no digit first`,
      );
    }

    async function openOutput(flags: number): Promise<FileHandle> {
      const path = env.GITHUB_OUTPUT;
      if (!path) {
        throw new KeysError('invalid', 'GITHUB_OUTPUT is not set: this is no step of GitHub Actions', {
          hint: 'use another --to; keys help destinations lists them',
        });
      }
      try {
        const file = await open(path, flags | constants.O_NONBLOCK);
        if ((await file.stat()).isFile()) return file;
        await file.close();
      } catch (error) {
        if (!isMissing(error)) throw fileError(error, path);
        throw new KeysError('invalid', `there is no file ${path}, which GITHUB_OUTPUT names`, {
          cause: error,
          hint: 'GitHub Actions makes it for each step; elsewhere use another --to',
        });
      }
      throw new KeysError('invalid', `${path} (GITHUB_OUTPUT) is not a plain file`);
    }

    /** What the runner would read. Throws `invalid` for a file that it would refuse. */
    async function outputsOf(file: FileHandle): Promise<{ text: string; value: string | null }> {
      const text = await file.readFile('utf8');
      const outputs = outputsIn(text);
      if (outputs) return { text, value: outputs.get(target) ?? null };
      throw new KeysError('invalid', `${env.GITHUB_OUTPUT} (GITHUB_OUTPUT) has a line that is no output`, {
        hint: 'GitHub refuses such a file: put right what was written to it before',
      });
    }

    return {
      spec: `github-output:${target}`,
      readable: true,
      async preflight() {
        if (io.stderr.isNull) {
          throw new KeysError(
            'invalid',
            'standard error is closed or /dev/null: GitHub would not hear that it is to mask the secret',
            { hint: 'leave standard error to the step' },
          );
        }
        const file = await openOutput(constants.O_RDWR);
        await outputsOf(file).finally(() => file.close());
        const { bavail } = await statfs(env.GITHUB_OUTPUT ?? '');
        if (bavail < 2)
          throw new KeysError('unavailable', `cannot write ${env.GITHUB_OUTPUT}: no space left`);
      },
      async deliver(secret) {
        await failing('GITHUB_OUTPUT', async () => {
          const value = secret.reveal();
          await io.stderr.write(maskCommands(value));
          const file = await openOutput(constants.O_RDWR | constants.O_APPEND);
          try {
            const found = await outputsOf(file);
            if (found.value === value) return await file.sync();
            await append(file, found.text, target, value);
          } finally {
            await file.close();
          }
        });
      },
      async readBack() {
        const file = await openOutput(constants.O_RDONLY);
        const { value } = await outputsOf(file).finally(() => file.close());
        return value === null ? null : redactor.know(new Secret(value));
      },
      abandon: async () => {},
    };
  },
};

async function append(file: FileHandle, text: string, name: string, value: string): Promise<void> {
  const mark = `ghadelimiter_${randomUUID()}`;
  const { size } = await file.stat();
  const separator = text === '' || text.endsWith('\n') ? '' : '\n';
  try {
    await file.appendFile(`${separator}${name}<<${mark}\n${value}\n${mark}\n`);
    await file.sync();
  } catch (error) {
    // Half an entry would make the runner refuse the whole file.
    await file.truncate(size);
    throw error;
  }
}

/** One command a line of the secret: the log is masked line by line. */
function maskCommands(value: string): string {
  return value
    .split(/\r?\n/)
    .filter((line) => line.trim() !== '')
    .map((line) => `::add-mask::${line.replaceAll('%', '%25').replaceAll('\r', '%0D')}\n`)
    .join('');
}

/** The outputs in the runner's file, the last of a name counts; `null` when the runner would refuse it. */
function outputsIn(text: string): Map<string, string> | null {
  const lines = (process.platform === 'win32' ? text.replaceAll('\r\n', '\n') : text).split('\n');
  const found = new Map<string, string>();
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] ?? '';
    if (line === '') continue;
    const [, name, kind, rest = ''] = /^(.*?)(=|<<)(.*)$/s.exec(line) ?? [];
    if (name === undefined || (kind === '<<' && (name === '' || rest === ''))) return null;
    if (kind === '=') {
      found.set(name, rest);
      continue;
    }
    const end = lines.indexOf(rest, at + 1);
    if (end < 0) return null;
    found.set(name, lines.slice(at + 1, end).join('\n'));
    at = end;
  }
  return found;
}
