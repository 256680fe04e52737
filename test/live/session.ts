/** The session that a page of docs/drivers shows, on the service itself. */
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { mappingPath } from '../fakes/rest/example.ts';
import { runSession } from '../scripts/page.ts';
import { newShell } from '../scripts/shell.ts';

interface LiveSession {
  /** Forgets every key but the administrator's. */
  empty(): Promise<void>;
  env(): Record<string, string>;
  credential(): Promise<string>;
  /** A mapping of docs/examples/rest, and the heading of its section in docs/drivers/rest-examples.md. */
  readonly example?: string;
  readonly section?: string;
}

export function sessionOf(page: string, { empty, env, credential, example, section }: LiveSession): void {
  test(`docs/${page} does what it says on the service itself`, async () => {
    await empty();
    const shell = newShell();
    if (example) copyFileSync(mappingPath(example), join(shell.path, `${example}.yaml`));
    const { written, shown } = await runSession(shell, page, {
      env: env(),
      files: { 'admin.secret': await credential() },
      section,
    });
    expect(written).toBe(shown);
  });
}
