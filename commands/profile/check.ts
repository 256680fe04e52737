import { Argument, type Command } from 'commander';
import type { App } from '../../src/app.ts';
import { localName } from '../../src/config.ts';
import type { Finding } from '../../src/drivers/index.ts';
import { KeysError } from '../../src/errors.ts';
import { checkService } from '../../src/open.ts';
import type { Noun } from '../../src/output.ts';
import { profileNamed } from '../../src/resolve-profile.ts';
import { count } from '../../src/text.ts';
import { addExamples, completes } from '../options.ts';

export function declare(command: Command, app: App): void {
  command
    .addArgument(completes('profiles', new Argument('[name]', 'the profile in force when absent')))
    .action((name?: string) => check(app, name));
  addExamples(command, ['keys profile check staging']);
}

/** Sends one list and tells what of each field it found; nothing is changed. Throws `check_failed` for what is wrong. */
export async function check(app: App, name?: string): Promise<void> {
  const profile = name === undefined ? await app.profile() : await profileNamed(app, name);
  if (profile.name === localName && name === undefined)
    throw new KeysError('invalid', 'the profile in force is local, where there is nothing to check', {
      hint: 'keys profile check <name>; keys profile list has the names',
    });
  const { asked, keys, findings } = await checkService(app, profile);
  await app.printer.rows(findingNoun, [findings]);
  await app.note(
    `asked ${profile.name} once (${asked}), and changed nothing: ${count(keys, 'key')} in the answer`,
  );
  if (keys === 0) await app.note('without a key there is nothing to look at: create one, and check again');
  const wrong = findings.filter((finding) => finding.wrong);
  if (wrong.length === 0) return;
  const fields = wrong.map(({ field }) => field).join(', ');
  throw new KeysError('check_failed', `${fields}: not as the profile says`, {
    hint: profile.settings?.mapping ? `put it right in ${profile.settings.mapping}` : null,
  });
}

const findingNoun: Noun<Finding> = {
  columns: [
    { field: 'field', title: 'field', value: ({ field }) => field },
    { field: 'from', title: 'from', value: ({ from }) => from, shrinks: true, dispensable: 1 },
    {
      field: 'found',
      title: 'found',
      value: ({ found, of }) => `${found} of ${of}`,
      tone: ({ found, wrong }) => (wrong ? 'red' : found > 0 ? 'green' : 'dim'),
    },
    { field: 'note', title: 'note', value: ({ note }) => note, shrinks: true },
  ],
  name: ({ field }) => field,
  none: 'no fields',
};
