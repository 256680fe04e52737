/** What an operator decides about a service. */
import { KeysError } from '../errors.ts';
import type { RateLimit } from '../keys.ts';
import { isDate } from '../time.ts';
import { builtInRoles, type Roles } from './grants.ts';
import type { MasterKey } from './master-keys.ts';
import { quota as quotaOf, rateLimit, roleName, rolePermissions } from './rules.ts';
import { defaultPrefix, secretPrefix } from './secret-format.ts';

export interface Settings {
  /** How every new secret begins. */
  readonly secretPrefix: string;
  /** How many active keys a namespace may have unless it says otherwise; `null`: any number. */
  readonly quota: number | null;
  /** How many active keys all namespaces together may have; `null`: any number. */
  readonly totalQuota: number | null;
  /** Dates, oldest first; a new key speaks the newest unless it names one. */
  readonly apiVersions: readonly string[];
  /** Those that are given stand beside the built-in ones, which are among them once the settings are complete. */
  readonly roles: Roles;
  /** How often each user may ask, with all keys and sessions together; `null`: without limit. */
  readonly rateLimit: RateLimit | null;
  /** How often an address may try secrets that are not good; `null`: without limit. */
  readonly addressRateLimit: RateLimit | null;
  /** Under which secrets are kept that can be shown again; the last one encrypts. */
  readonly masterKeys: readonly MasterKey[];
}

/** With the defaults filled in and the built-in roles added. Throws `invalid`. */
export function completeSettings(given: Partial<Settings> = {}): Settings {
  const { quota = null, totalQuota = null, apiVersions = ['2026-11-01'] } = given;
  const wrong = apiVersions.find((version) => !isDate(version));
  if (wrong !== undefined || apiVersions.length === 0) {
    throw new KeysError('invalid', `'${wrong ?? ''}' is not an API version`, { hint: 'a date: 2026-11-01' });
  }
  const roles = Object.entries(given.roles ?? {}).map(([name, permissions]) => {
    if (Object.hasOwn(builtInRoles, name)) throw new KeysError('invalid', `the role ${name} is built in`);
    return [roleName(name), rolePermissions(permissions)] as const;
  });
  return {
    secretPrefix: secretPrefix(given.secretPrefix ?? defaultPrefix),
    quota: quotaOf(quota),
    totalQuota: quotaOf(totalQuota),
    apiVersions: apiVersions.toSorted(),
    roles: { ...builtInRoles, ...Object.fromEntries(roles) },
    rateLimit: rateLimit(given.rateLimit, 'the rate limit of users'),
    addressRateLimit: rateLimit(given.addressRateLimit, 'the rate limit of addresses'),
    masterKeys: given.masterKeys ?? [],
  };
}
