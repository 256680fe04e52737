/** What the stand-ins of the services in docs/examples/rest have in common. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Profile } from '../../../src/config.ts';
import type { DriverParts } from '../../../src/drivers/index.ts';
import { type RestService, restService } from '../../../src/drivers/rest/driver.ts';
import { parseMapping } from '../../../src/drivers/rest/load.ts';
import type { Mapping } from '../../../src/drivers/rest/mapping.ts';
import type { Http } from '../../../src/http.ts';
import type { NewKey } from '../../../src/keys.ts';
import { type OpenOptions, openDriver } from '../open-driver.ts';
import {
  type Complain,
  type Reply,
  startVendorServer,
  unexpectedFields,
  type VendorServer,
  type WireRequest,
} from '../vendor-server.ts';

export interface ExampleFake extends VendorServer {
  readonly credential: string;
  /** Where the service's paths begin. */
  readonly base?: string;
  readonly settings?: Readonly<Record<string, string>>;
  /** Which requests mint, and which list. */
  readonly mint: (request: WireRequest) => boolean;
  readonly list: (request: WireRequest) => boolean;
  /** What a key is created with. */
  readonly template?: Omit<NewKey, 'name'>;
  /** How many live keys there are. */
  stored(): number;
  /** Puts a key there without a request. */
  seed(name: string): void;
  empty(): void;
}

type Rest = Omit<ExampleFake, keyof VendorServer>;

export interface Route {
  readonly method: string;
  /** Below the service's origin; its groups are decoded and handed over. */
  readonly path: RegExp;
  readonly query?: readonly string[];
  readonly body?: readonly string[];
  readonly answer: (call: RouteCall) => Reply;
}

export interface RouteCall {
  readonly request: WireRequest;
  readonly parts: readonly string[];
  readonly query: URLSearchParams;
  readonly body: Record<string, unknown>;
  readonly complain: Complain;
}

/** A server of these routes. Whatever else is asked, or said in a request that has no place for it, is a complaint. */
export async function startExample(
  routes: readonly Route[],
  allowed: (request: WireRequest, complain: Complain) => Reply | null,
  rest: Rest,
): Promise<ExampleFake> {
  const server = await startVendorServer((request, complain) => {
    for (const route of routes) {
      const match = route.path.exec(request.path);
      if (!match || route.method !== request.method) continue;
      const refused = allowed(request, complain);
      if (refused) return refused;
      return route.answer({
        request,
        parts: match.slice(1).map((part) => decodeURIComponent(part ?? '')),
        query: request.query,
        body: strictBody(route, request, complain),
        complain,
      });
    }
    complain('there is no such operation');
    return { status: 404, body: {} };
  });
  return { ...server, ...rest };
}

function strictBody(route: Route, { body, query }: WireRequest, complain: Complain): Record<string, unknown> {
  const unknown = [...query.keys()].filter((name) => !route.query?.includes(name));
  if (unknown.length > 0) complain(`there is no ${unknown.join(', ')} in this query`);
  if (!route.body) {
    if (body !== undefined) complain('this request has no body');
    return {};
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    complain('this request needs a body');
    return {};
  }
  const extra = unexpectedFields(body, route.body);
  if (extra.length > 0) complain(`there is no ${extra.join(', ')} in this body`);
  return body as Record<string, unknown>;
}

export function mappingPath(name: string): string {
  return fileURLToPath(new URL(`../../../docs/examples/rest/${name}.yaml`, import.meta.url));
}

/** The example's mapping on its stand-in. */
export function openExample(
  name: string,
  to: Pick<ExampleFake, 'url' | 'credential' | 'base' | 'settings'>,
  { profile, ...options }: OpenOptions = {},
): RestService {
  return openMapping(exampleMapping(name), to, {
    profile: { settings: to.settings, ...profile },
    ...options,
  });
}

export function exampleMapping(name: string): Mapping {
  const path = mappingPath(name);
  return parseMapping(path, readFileSync(path, 'utf8'));
}

/** Any mapping on any server. */
export function openMapping(
  mapping: Mapping,
  server: Pick<VendorServer, 'url'> & Partial<Pick<ExampleFake, 'credential' | 'base'>>,
  options: OpenOptions = {},
): RestService {
  const { credential, base } = server;
  const driver = (...[http, profile, parts]: [Http, Profile, DriverParts]) =>
    restService(mapping, http, profile, parts);
  return openDriver(driver, server, { credential, base, authorizes: true, ...options });
}

export function hex(length: number): string {
  return randomBytes(length).toString('hex').slice(0, length);
}

/** Text for a field of a body, or undefined. */
export function textIn(body: Record<string, unknown>, name: string): string | undefined {
  return typeof body[name] === 'string' ? body[name] : undefined;
}

/** A page as most services cut it, by the texts of a query; more than `most` a page are not given. */
export function pageOf<T>(
  all: readonly T[],
  page: string | null,
  size: string | null,
  usual: number,
  most: number,
): T[] {
  const length = Math.min(Number(size ?? usual), most);
  const start = (Number(page ?? 1) - 1) * length;
  return all.slice(start, start + length);
}
