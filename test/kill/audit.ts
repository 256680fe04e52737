/** The audit log after a death: a chain that is whole, with one row for each change of each key. */
import { type Audit, type AuditEntry, allEntries } from '../../src/audit.ts';
import { checkChain } from '../../src/audit-chain.ts';
import { allKeys, keyStatuses } from '../../src/keys.ts';
import type { World } from './world.ts';

const changes = new Set(['create', 'edit', 'disable', 'enable', 'regenerate', 'revoke']);

/** A settlement for the new secret is no new version of the key. */
function isChange({ action, outcome, details }: AuditEntry): boolean {
  return outcome === 'done' && (changes.has(action) || (action === 'settle' && details.kept === 'old'));
}

export async function checkAudit({ service }: World): Promise<void> {
  const { audit } = service;
  if (!audit) throw new Error('there is no audit log');
  const rows = (after = 0) => allEntries(audit, { order: 'oldest', after });
  const { broken } = await checkChain(rows(), { head: () => audit.head(), after: rows, checkpoints: [] });
  if (broken) throw new Error(`row ${broken.seq} of the audit log: ${broken.problem}`);
  const recorded = await changesOf(audit);
  for await (const page of allKeys(service, { namespace: null, statuses: [...keyStatuses] })) {
    for (const { id, name, version } of page) {
      const rowsOfKey = recorded.get(id)?.length ?? 0;
      if (String(rowsOfKey) !== version)
        throw new Error(
          `the key ${name} is at version ${version}, the audit log has ${rowsOfKey} changes of it`,
        );
    }
  }
}

async function changesOf(audit: Audit): Promise<Map<string | null, AuditEntry[]>> {
  const found: AuditEntry[] = [];
  for await (const page of allEntries(audit, { order: 'oldest' })) found.push(...page.filter(isChange));
  return Map.groupBy(found, ({ target }) => target);
}
