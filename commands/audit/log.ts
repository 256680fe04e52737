/** The audit log of the profile's service. */
import type { App } from '../../src/app.ts';
import type { Audit } from '../../src/audit.ts';
import { unsupported } from '../../src/capabilities.ts';

/** Rows a page: at 8 MiB a page that is room for 8 KiB a row. */
export const pageSize = 1_000;

/** Throws `unsupported`. */
export async function auditLog(app: App): Promise<Audit> {
  const { audit, capabilities } = await app.keys('audit');
  if (audit) return audit;
  throw unsupported(capabilities, 'audit');
}
