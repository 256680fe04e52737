import type { Command } from 'commander';
import type { App } from '../../src/app.ts';
import { localProfile, profileFrom } from '../../src/config.ts';
import { readConfig } from '../../src/config-file.ts';
import { addExamples } from '../options.ts';
import { profileNoun, profileRow } from './noun.ts';

export function declare(command: Command, app: App): void {
  command.action(() => list(app));
  addExamples(command, ['keys profile list']);
}

export async function list(app: App): Promise<void> {
  const { profiles } = await readConfig(app);
  const named = Object.entries(profiles).map(([name, entry]) => profileFrom(name, entry));
  const inForce = await app.profile().catch(() => null);
  const fromEnvironment = inForce?.origin === 'environment' ? [inForce] : [];
  const rows = [...fromEnvironment, localProfile(app), ...named];
  await app.printer.rows(profileNoun, [rows.map((profile) => profileRow(profile, inForce?.name ?? null))]);
}
