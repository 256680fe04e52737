/** Asking before something is done that cannot be undone. */
import type { App } from '../src/app.ts';
import { KeysError } from '../src/errors.ts';
import type { Key } from '../src/keys.ts';
import { keyGlance } from './key-noun.ts';

const shown = 20;

/** Throws `invalid` when nobody can be asked and `--yes` is absent; to be called before the first request. */
export function requireConsent(app: App, verb: string): void {
  if (app.options.yes || app.prompt.available) return;
  throw new KeysError('invalid', `keys ${verb} asks before it acts, and there is no terminal to ask on`, {
    hint: 'add --yes',
  });
}

/** Shows the keys and asks. Throws `interrupted` when the answer is no. */
export async function askConsent(app: App, keys: readonly Key[], question: string): Promise<void> {
  if (app.options.yes) return;
  const { drawTable } = await import('../src/table.ts');
  const drawing = { columns: app.io.columns, color: false, nowMs: app.now() };
  const rest = keys.length > shown ? `… and ${keys.length - shown} more\n` : '';
  await app.io.stderr.write(drawTable(keyGlance, keys.slice(0, shown), drawing) + rest);
  await requireYes(app, question);
}

/** Asks, unless `--yes` has answered; what it is about has been said. Throws `interrupted` when the answer is no. */
export async function requireYes(app: App, question: string): Promise<void> {
  if (app.options.yes || (await app.prompt.confirm(question))) return;
  throw new KeysError('interrupted', 'nothing was changed');
}
