/** What an operation works with. */
import type { Destination } from '../destinations/index.ts';
import type { IssuedKey, KeyService } from '../keys.ts';
import type { Secret } from '../secret.ts';
import type { Operation } from './operation.ts';

export interface Parts {
  readonly service: KeyService;
  readonly destinations: readonly Destination[];
  /** Destinations of earlier attempts that this one leaves out, to be looked at. */
  readonly earlier?: readonly Destination[];
  /** Somebody says that what was delivered has arrived, where nobody else can know. */
  readonly arrived?: boolean;
  /** Told as soon as the secret is known, also when it is had again. */
  minted?(issued: IssuedKey): Promise<void>;
  /** Rotate: throws when the new secret does not work. With `ask` the service is asked, too. */
  test?(secret: Secret, operation: Operation, options: { ask: boolean }): Promise<void>;
  /** Asked before something is minted a second time on a service that cannot tell a repetition; `null` when there is nobody to ask. */
  confirm(question: string): Promise<boolean | null>;
  /** Told what was done to keys of a service that cannot repeat a mint. */
  note?(text: string): Promise<void>;
}

export function isOnlyPrinted(destinations: readonly Destination[]): boolean {
  return destinations.length > 0 && destinations.every(({ unproven }) => unproven);
}
