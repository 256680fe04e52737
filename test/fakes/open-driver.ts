import { onTestFinished } from 'vitest';
import type { Profile } from '../../src/config.ts';
import type { DriverParts } from '../../src/drivers/index.ts';
import { createHttp, type Http, type HttpOptions } from '../../src/http.ts';
import type { KeyService } from '../../src/keys.ts';
import { Redactor, Secret } from '../../src/secret.ts';
import type { VendorServer } from './vendor-server.ts';

export interface OpenOptions {
  readonly credential?: string;
  /** Where the service's paths begin on the server. */
  readonly base?: string;
  readonly profile?: Partial<Profile>;
  readonly parts?: Partial<DriverParts>;
  readonly http?: Partial<HttpOptions>;
  readonly authorizes?: boolean;
}

/** A driver on a fake, as the command line would open it. */
export function openDriver<T extends KeyService>(
  driver: (http: Http, profile: Profile, parts: DriverParts) => T,
  server: Pick<VendorServer, 'url'>,
  options: OpenOptions = {},
): T {
  const redactor = new Redactor();
  const credential = options.credential === undefined ? null : new Secret(options.credential);
  const profile: Profile = {
    name: 'fake',
    driver: 'fake',
    url: server.url + (options.base ?? ''),
    namespace: null,
    store: 'none',
    origin: 'config',
    ...options.profile,
  };
  const http = createHttp({
    baseUrl: profile.url,
    credential: options.authorizes ? null : credential,
    authScheme: profile.authScheme,
    timeoutMs: 10_000,
    signal: new AbortController().signal,
    redactor,
    backoffMs: 1,
    ...options.http,
  });
  const parts: DriverParts = {
    now: Date.now,
    credential,
    know: (secret) => redactor.know(secret),
    renewCredential: renewalOf(credential),
    ...options.parts,
  };
  return driver(http, profile, parts);
}

/** A store for one credential, which keeps what it is exchanged for; `kept` sees each. */
export function renewalOf(
  credential: Secret | null,
  kept: (text: string) => void = () => {},
): DriverParts['renewCredential'] {
  let latest = credential;
  return async (exchange) => {
    if (!latest) throw new Error('there is no credential to exchange');
    const renewed = await exchange(latest);
    if (renewed) kept(renewed.reveal());
    latest = renewed ?? latest;
    return latest;
  };
}

/** A fake that is closed after the running test, which fails if the fake has complaints. */
export async function forTest<T extends VendorServer>(starting: Promise<T>): Promise<T> {
  const server = await starting;
  onTestFinished(() => server.close());
  return server;
}
