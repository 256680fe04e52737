import type { App } from '../../src/app.ts';
import type { Profile } from '../../src/config.ts';
import { openJournal } from '../../src/operations/journal.ts';

/** The ids of the interrupted operations that only this profile, under its name, can finish. */
export async function unfinishedWith(app: App, { name, url }: Profile): Promise<string[]> {
  const { operations } = await openJournal(app.paths.state, app.signal, app.now).list();
  const waiting = operations.filter(
    ({ profile, origin, state }) => profile === name && origin === url && state !== 'unproven',
  );
  return waiting.map(({ id }) => id);
}
