import type { Command } from 'commander';
import type { App } from '../../src/app.ts';
import { backUp } from '../../src/service/sqlite-backup.ts';
import { count } from '../../src/text.ts';
import { addExamples } from '../options.ts';
import { sqlitePath } from './database.ts';
import { addSettings, type SettingOptions } from './settings-options.ts';

interface Options extends SettingOptions {
  readonly force?: boolean;
}

export function declare(command: Command, app: App): void {
  command.argument('<path>', 'the file to write');
  addSettings(command, ['database']);
  command
    .option('--force', 'replace the file, if it is there')
    .action((path: string) => backup(app, path, command.optsWithGlobals()));
  addExamples(command, [
    'keys serve backup keys.backup --database /var/lib/keys/service.db',
    'keys serve backup /mnt/backups/keys.backup --force --config /etc/keys/serve.yaml',
  ]);
}

async function backup(app: App, path: string, options: Options): Promise<void> {
  const database = await sqlitePath(
    app,
    options,
    (url) => `pg_dump --format=custom --file='${path}' '${url}'`,
  );
  const made = await backUp(database, path, options.force ?? false);
  await app.printer.value(
    { database, ...made },
    () => `${path}: ${count(made.keys, 'key')}, ${made.bytes} bytes\n`,
  );
}
