import { Argument, type Command } from 'commander';
import type { App } from '../../src/app.ts';
import type { Capabilities, Verb } from '../../src/keys.ts';
import { capabilitiesOf } from '../../src/open.ts';
import type { Noun } from '../../src/output.ts';
import { profileNamed } from '../../src/resolve-profile.ts';
import { completes } from '../options.ts';
import { profileRecord, profileRow } from './noun.ts';

export function declare(command: Command, app: App): void {
  command
    .addArgument(completes('profiles', new Argument('[name]', 'the profile in force when absent')))
    .action((name?: string) => show(app, name));
}

export async function show(app: App, name?: string): Promise<void> {
  const inForce = await (name === undefined ? app.profile() : app.profile().catch(() => null));
  const profile = name === undefined || name === inForce?.name ? inForce : null;
  const shown = profile ?? (await profileNamed(app, name ?? ''));
  const row = profileRow(shown, inForce?.name ?? null);
  const capabilities = capabilitiesOf(shown);
  const { printer } = app;
  if (printer.structured) return printer.value({ ...row, capabilities }, () => '');
  await printer.row(profileRecord, row);
  if (printer.format !== 'table') return;
  await printer.text('\n');
  await printer.rows(abilityNoun, [abilities(capabilities)]);
}

interface Ability {
  readonly verb: Verb;
  readonly can: boolean;
  readonly instead: string | null;
}

const verbs: Readonly<Record<Verb, true>> = {
  create: true,
  list: true,
  get: true,
  edit: true,
  disable: true,
  enable: true,
  regenerate: true,
  revoke: true,
  verify: true,
  whoami: true,
};

function abilities(capabilities: Capabilities): Ability[] {
  return (Object.keys(verbs) as Verb[]).map((verb) => ({
    verb,
    can: capabilities.verbs.includes(verb),
    instead: capabilities.instead?.[verb] ?? null,
  }));
}

const abilityNoun: Noun<Ability> = {
  columns: [
    { field: 'verb', title: 'verb', value: ({ verb }) => verb },
    {
      field: 'can',
      title: 'this service',
      value: ({ can }) => (can ? 'yes' : 'no'),
      tone: ({ can }) => (can ? 'green' : 'dim'),
    },
    { field: 'instead', title: 'instead', value: ({ instead }) => instead, shrinks: true, dispensable: 1 },
  ],
  name: ({ verb }) => verb,
  none: 'nothing',
};
