/** What every caller's service shares. */
import type { Secret } from '../secret.ts';
import type { AuditQueue } from './audit-queue.ts';
import type { Counter } from './limits.ts';
import type { Settings } from './settings.ts';
import type { Store } from './store.ts';
import type { Sweep } from './sweep.ts';
import type { Throttle } from './throttle.ts';
import type { Uses } from './uses.ts';

export interface ServiceCore {
  readonly store: Store;
  readonly settings: Settings;
  readonly uses: Uses;
  readonly sweep: Sweep;
  readonly queue: AuditQueue;
  readonly counter: Counter;
  readonly throttle: Throttle;
  readonly now: () => number;
  readonly newSecret: () => Secret;
  /** Whether no quota holds; all do when absent. */
  readonly unlimited?: true;
}
