import type { Command } from 'commander';
import type { App } from '../src/app.ts';
import { KeysError } from '../src/errors.ts';
import { readerMayLeave } from '../src/io.ts';
import type { Verification } from '../src/keys.ts';
import type { Noun } from '../src/output.ts';
import { Secret } from '../src/secret.ts';
import { terminalSafe } from '../src/text.ts';
import { called, expiry } from './key-noun.ts';
import { addExamples } from './options.ts';

const noun: Noun<Verification> = {
  columns: [
    { field: 'valid', title: 'valid', value: ({ valid }) => String(valid) },
    { field: 'reason', title: 'reason', value: ({ reason }) => reason },
    { field: 'id', title: 'id', value: ({ key }) => key?.id ?? null },
    { field: 'name', title: 'name', value: ({ key }) => key?.name ?? null },
  ],
  name: ({ key }) => key?.name ?? '',
  none: '',
};

export function declare(command: Command, app: App): void {
  command
    .usage('[options] < secret')
    .argument('[nothing...]')
    .helpOption('-h, --help', 'show help')
    .action((words: string[]) => verify(app, words));
  addExamples(command, ['keys verify < secret']);
}

export async function verify(app: App, words: readonly string[]): Promise<void> {
  if (words.length > 0) {
    throw new KeysError(
      'invalid',
      'a secret is never an argument: other users of this machine could read it there',
      {
        hint: 'send it on standard input, or run keys verify alone to be asked for it',
      },
    );
  }
  const secret = app.redactor.know(await readSecret(app));
  const service = await app.keys('verify');
  const found = await service.verify(secret);
  const { printer } = app;
  if (printer.format !== 'table') {
    const printed = printer.structured ? printer.value(found, () => '') : printer.row(noun, found);
    await readerMayLeave(printed);
  } else if (found.valid) {
    const about = found.key && `: ${called(found.key)}, ${expiry(found.key, app.now())}`;
    await printer.value(found, () => `valid${about ?? ''}\n`);
  }
  if (!found.valid) throw new KeysError('check_failed', `the secret is not valid: ${reasonFor(found)}`);
}

function reasonFor({ reason, key }: Verification): string {
  if (reason === null || reason === 'unknown') return 'the service does not know it';
  if (reason === 'revoked' && key && key.status !== 'revoked') {
    return `it has been replaced; its key is ${called(key)}`;
  }
  if (reason === 'disabled' && key && key.status !== 'disabled') {
    return `its key is ${called(key)}, and its owner ${terminalSafe(key.owner ?? '')} is disabled`;
  }
  return `its key${key ? ` ${called(key)}` : ''} is ${reason}`;
}

async function readSecret({ io, prompt }: App): Promise<Secret> {
  const missing = (message: string) =>
    new KeysError('invalid', message, { hint: 'send it on standard input, and nothing else' });
  if (!io.stdin.isTerminal) {
    const text = (await io.stdin.readAll(65_536)).trim();
    if (text === '') throw missing('there is no secret on standard input');
    if (/\s/.test(text)) throw missing('there is more than one word on standard input');
    return new Secret(text);
  }
  if (!prompt.available) throw missing('a secret is needed, and asking for it is switched off');
  const text = (await prompt.password('Secret')).reveal().trim();
  if (text === '') throw missing('the secret is empty');
  if (/\s/.test(text)) throw missing('the secret has a space in it');
  return new Secret(text);
}
