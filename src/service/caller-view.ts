/** The service as one caller sees it, for one request: what its parts have in common. */
import { KeysError } from '../errors.ts';
import { isoTime } from '../iso-time.ts';
import { type Action, type Caller, may, requireMay, type Target } from './access.ts';
import { auditRow, type RequestContext } from './audit.ts';
import type { ServiceCore } from './core.ts';
import { actsAsOwner, grantsOfKey } from './grants.ts';
import { rolesBehind, rolesWith } from './roles.ts';
import type { AuditRow, FoundKey, KeyRow, OwnerRow } from './store.ts';

export class CallerView {
  readonly core: ServiceCore;
  /** Who asks; `null` where they do not say. */
  readonly asker: Caller | null;
  readonly context: RequestContext;

  constructor(core: ServiceCore, asker: Caller | null, context: RequestContext) {
    this.core = core;
    this.asker = asker;
    this.context = context;
  }

  /** Throws `unauthenticated` when nobody has said who they are. */
  caller(): Caller {
    if (this.asker) return this.asker;
    throw new KeysError('unauthenticated', 'this takes the secret of a key');
  }

  /** What is recorded of the caller's doing; `details` may hold times in milliseconds under names that end in `At`. */
  audit(action: string, target: string | null, details: AuditRow['details'] = {}): AuditRow {
    this.context.recorded = true;
    const what = { action, target, details: withTimes(details) };
    return auditRow(this.core.now(), this.context, this.caller(), what);
  }

  async targetOf({ row, owner }: FoundKey): Promise<Target> {
    const roles = await rolesWith(this.core, rolesBehind(row, owner));
    return { ...row, grants: grantsOfKey(row, owner, roles), asOwner: actsAsOwner(row) };
  }

  /** Throws `not_found`: a key that the caller may not even see is not there. */
  async visible(id: string): Promise<FoundKey> {
    const found = await this.core.store.findKey(id);
    if (found && may(this.caller(), 'show', await this.targetOf(found)))
      return { ...found, row: this.core.uses.latest(found.row) };
    throw new KeysError('not_found', `there is no key with the id '${id}'`);
  }

  /**
   * Decides on a row and changes it if it is still that row, as often as somebody else was first. `decide` gives `null` when
   * there is nothing to do. Throws `not_found`, `forbidden`, `changed`, and `conflict` for a key that is revoked.
   */
  async change(
    id: string,
    action: Action,
    version: string | null | undefined,
    decide: (row: KeyRow, owner: OwnerRow | null) => Promise<KeyRow | 'changed' | null> | null,
  ): Promise<KeyRow> {
    for (;;) {
      const found = await this.visible(id);
      const { row, owner } = found;
      requireMay(this.caller(), action, await this.targetOf(found));
      requireVersion(`the key '${row.name}'`, row, version);
      if (row.revokedAt !== null && action !== 'revoke') {
        throw new KeysError('conflict', `the key '${row.name}' is revoked, and that is for good`, {
          hint: 'create a new key instead',
        });
      }
      const after = await decide(row, owner);
      if (after === null) return row;
      if (after !== 'changed') return this.core.uses.latest(after);
      // Nothing was written, the row of the log neither.
      this.context.recorded = false;
    }
  }
}

/** Throws `changed` for a row that has got another version than the one that a change insists on. */
export function requireVersion(
  what: string,
  row: { readonly version: number },
  version: string | null | undefined,
): void {
  if (version === null || version === undefined || version === String(row.version)) return;
  throw new KeysError('changed', `${what} has changed meanwhile`, {
    hint: 'look at it again, then repeat the change',
  });
}

/** Times as they are told everywhere. */
function withTimes(details: AuditRow['details']): AuditRow['details'] {
  const told = Object.entries(details).map(([name, value]) =>
    name.endsWith('At') && typeof value === 'number' ? [name, isoTime(value)] : [name, value],
  );
  return Object.fromEntries(told);
}
