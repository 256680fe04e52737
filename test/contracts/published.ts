/**
 * `keyadm/contract`: what every driver has to do, for drivers from outside. It needs vitest, which is the tests' own to install.
 */
import { type DriverModule, kit } from '../../src/drivers/published.ts';
import { createHttp } from '../../src/http.ts';
import type { KeyService } from '../../src/keys.ts';
import { Redactor, Secret } from '../../src/secret.ts';

export { type ContractOptions, keyServiceContract, refuses } from './key-service.ts';

export interface OpenOptions {
  /** Where the service, or what stands for it, listens. */
  readonly url: string;
  readonly credential?: string;
  readonly namespace?: string;
  readonly settings?: Readonly<Record<string, string>>;
  readonly authScheme?: 'bearer' | 'apikey' | 'x-api-key';
}

/** A driver on a service, as the command line would open it. */
export function openDriver(module: DriverModule, options: OpenOptions): KeyService {
  const { url, namespace = null, settings, authScheme } = options;
  const driver = module(kit);
  const redactor = new Redactor();
  const credential = options.credential === undefined ? null : redactor.know(new Secret(options.credential));
  const http = createHttp({
    baseUrl: url,
    credential: driver.authorizes ? null : credential,
    authScheme,
    timeoutMs: 10_000,
    signal: new AbortController().signal,
    redactor,
  });
  const profile = { name: 'contract', url, namespace, settings };
  return driver.open(http, profile, { now: Date.now, credential, know: (secret) => redactor.know(secret) });
}

/** What a driver says it can do, for the options of the contract. */
export function capabilitiesOf(module: DriverModule) {
  return module(kit).capabilities();
}
