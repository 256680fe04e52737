import { Argument, type Command } from 'commander';
import type { App } from '../../src/app.ts';
import { prepareRestore, type Restore } from '../../src/service/sqlite-backup.ts';
import type { KeyName, Undone } from '../../src/service/sqlite-undone.ts';
import { count } from '../../src/text.ts';
import { requireConsent, requireYes } from '../consent.ts';
import { addExamples, completes } from '../options.ts';
import { sqlitePath } from './database.ts';
import { addSettings, type SettingOptions } from './settings-options.ts';

export function declare(command: Command, app: App): void {
  command.addArgument(completes('files', new Argument('<path>', 'the backup')));
  addSettings(command, ['database']);
  command.action((path: string) => restore(app, path, command.optsWithGlobals()));
  addExamples(command, ['keys serve restore keys.backup --database /var/lib/keys/service.db']);
}

async function restore(app: App, path: string, options: SettingOptions): Promise<void> {
  const database = await sqlitePath(
    app,
    options,
    (url) => `pg_restore --clean --if-exists --single-transaction --dbname='${url}' '${path}'`,
  );
  const prepared = await prepareRestore(path, database, app.now());
  try {
    const { undone, keys } = prepared;
    if (prepared.replaces) await consent(app, prepared, database);
    const replaced = await prepared.apply();
    await app.printer.value(
      { database, keys, replaced, undone },
      () => `${database}: ${count(keys, 'key')}\n`,
    );
    if (replaced) await app.note(`The database before is ${replaced}`);
    if (undone?.revoked.length) {
      await app.note(`Start the service, then: keys revoke ${undone.revoked.map(({ id }) => id).join(' ')}`);
    }
  } finally {
    await prepared.close();
  }
}

async function consent(app: App, { undone }: Restore, database: string): Promise<void> {
  await app.note(
    undone ? undoneText(undone) : `${database} cannot be read: nobody can say what ended since the backup.`,
  );
  requireConsent(app, 'serve restore');
  await requireYes(app, `Replace ${database}?`);
}

const shown = 20;

function undoneText({
  earlier,
  revoked,
  disabled,
  users,
  roles,
  secrets,
  passwords,
  sessions,
}: Undone): string {
  const counts = [
    [revoked.length, 'revocation'],
    [disabled.length, 'disabled key'],
    [users.length, 'disabled user'],
    [secrets, 'ended secret'],
    [passwords.length, 'password'],
    [sessions, 'ended session'],
  ] as const;
  const stranger =
    earlier === false
      ? 'This backup is no earlier state of this database: its audit log is another one. All there is would be replaced.'
      : null;
  if (roles.length === 0 && counts.every(([amount]) => amount === 0)) {
    return (
      stranger ?? 'No key, secret, user, password or session that ended since the backup would work again.'
    );
  }
  return [
    ...(stranger === null ? [] : [stranger]),
    `Newer than the backup: ${counts.map(([amount, noun]) => count(amount, noun)).join(', ')}. What ended would work again.`,
    ...listed('revoked', revoked),
    ...listed('disabled', disabled),
    ...users.slice(0, shown).map((name) => `  disabled user  ${name}`),
    ...roles.slice(0, shown).map((name) => `  roles of  ${name}`),
    ...passwords.slice(0, shown).map((name) => `  password of  ${name}`),
  ].join('\n');
}

function listed(what: string, keys: readonly KeyName[]): string[] {
  const lines = keys
    .slice(0, shown)
    .map(({ id, name, namespace }) => `  ${what}  ${id}  ${name}  (${namespace})`);
  return keys.length > shown ? [...lines, `  … and ${keys.length - shown} more`] : lines;
}
