import type { Command } from 'commander';
import type { App } from '../../src/app.ts';
import { addExamples } from '../options.ts';
import { auditLog } from './log.ts';

export function declare(command: Command, app: App): void {
  command.action(() => checkpoint(app));
  addExamples(command, ['keys audit checkpoint']);
}

export async function checkpoint(app: App): Promise<void> {
  const { seq, hash } = await (await auditLog(app)).head();
  const head = { seq, hash, time: new Date(app.now()).toISOString() };
  await app.printer.value(head, () => `${JSON.stringify(head)}\n`);
}
