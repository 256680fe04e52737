/** A session ends at its service when nothing here can use it any more. */
import type { App } from '../src/app.ts';
import type { Profile } from '../src/config.ts';
import { toKeysError } from '../src/errors.ts';
import { sessionEnding } from '../src/open.ts';
import type { Secret } from '../src/secret.ts';

/** Ends the session that a credential was, and says how that went; `null` for what was no session that can be ended. */
export async function endSession(app: App, profile: Profile, credential: Secret): Promise<string | null> {
  // A driver that is not there any more keeps nobody from leaving.
  const end = await sessionEnding(app, profile, credential).catch(() => null);
  if (!end) return null;
  try {
    await end();
  } catch (error) {
    const { code, message } = toKeysError(error);
    if (code !== 'unauthenticated') {
      const works = code === 'outcome_unknown' ? 'may still work' : 'still works';
      return `its session ${works} there until it ends: ${message}`;
    }
  }
  return 'its session has ended';
}

/** The same for a credential that is removed and not replaced. */
export async function endAccess(app: App, profile: Profile, credential: Secret | null): Promise<string> {
  const ended = credential && (await endSession(app, profile, credential));
  return ended ?? 'the secret itself still works until it is revoked or expires';
}
