import { Argument, type Command } from 'commander';
import type { App } from '../../src/app.ts';
import { capabilitiesOf } from '../../src/open.ts';
import type { Noun } from '../../src/output.ts';
import { profileNamed } from '../../src/resolve-profile.ts';
import { terminalSafe } from '../../src/text.ts';
import { type Ability, abilities, abilityText } from '../abilities.ts';
import { addExamples, completes } from '../options.ts';
import { profileRecord, profileRow } from './noun.ts';

export function declare(command: Command, app: App): void {
  command
    .addArgument(completes('profiles', new Argument('[name]', 'the profile in force when absent')))
    .action((name?: string) => show(app, name));
  addExamples(command, ['keys profile show staging']);
}

export async function show(app: App, name?: string): Promise<void> {
  const inForce = await (name === undefined ? app.profile() : app.profile().catch(() => null));
  const profile = name === undefined || name === inForce?.name ? inForce : null;
  const shown = profile ?? (await profileNamed(app, name ?? ''));
  const row = profileRow(shown, inForce?.name ?? null);
  const capabilities = await capabilitiesOf(shown);
  const { printer } = app;
  if (printer.structured) return printer.value({ ...row, capabilities }, () => '');
  await printer.row(profileRecord, row);
  if (printer.format !== 'table') return;
  await printer.text('\n');
  await printer.rows(abilityNoun, [abilities(capabilities)]);
  for (const note of capabilities.notes ?? []) await printer.text(`\n${terminalSafe(note)}\n`);
}

const abilityNoun: Noun<Ability> = {
  columns: [
    { field: 'what', title: 'what', value: ({ what }) => what },
    {
      field: 'can',
      title: 'this service',
      value: abilityText,
      tone: ({ can }) => (can ? 'green' : 'dim'),
    },
    { field: 'instead', title: 'instead', value: ({ instead }) => instead, shrinks: true, dispensable: 1 },
  ],
  name: ({ what }) => what,
  none: 'nothing',
};
