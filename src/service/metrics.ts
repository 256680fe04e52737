/** What a service counts, for Prometheus. No label holds a secret, a name or anything else that a caller chooses. */
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import manifest from '../../package.json' with { type: 'json' };
import type { InvalidReason } from '../keys.ts';
import { countBy } from './plain-metrics.ts';
import { requestMetrics } from './request-metrics.ts';

export interface Metrics {
  /** A request that was answered; `route` as it is declared, `null` for an address that is not there. */
  answered(method: string, route: string | null, status: number, seconds: number): void;
  verified(reason: InvalidReason | null): void;
  minted(by: 'create' | 'regenerate'): void;
  readonly contentType: string;
  /** All of them in Prometheus's text format. */
  text(): Promise<string>;
}

export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const build = new Gauge({
    name: 'keys_build_info',
    help: 'The version that runs',
    labelNames: ['version'] as const,
    registers,
  });
  build.set({ version: manifest.version }, 1);
  const countRequest = requestMetrics(registry);
  const countVerify = countBy(registry, {
    name: 'keys_verifies_total',
    help: 'Secrets verified, by what was answered',
    label: 'result',
    values: ['valid', 'unknown', 'disabled', 'expired', 'revoked'],
  });
  const countMint = countBy(registry, {
    name: 'keys_minted_total',
    help: 'Secrets given out, replays among them',
    label: 'by',
    values: ['create', 'regenerate'],
  });

  return {
    answered: (method, route, status, seconds) => countRequest(method, route ?? 'none', status, seconds),
    verified: (reason) => countVerify(reason ?? 'valid'),
    minted: countMint,
    contentType: registry.contentType,
    text: () => registry.metrics(),
  };
}
