/** Requests, for Prometheus: how many were answered and how long that took. */
import type { Registry } from 'prom-client';
import { plainMetric, type Sample } from './plain-metrics.ts';

/** Upper bounds, in seconds. */
const bounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Of one method and route. */
interface Requests {
  readonly labels: { readonly method: string; readonly route: string };
  readonly statuses: Map<number, number>;
  /** How many took no longer than each of the bounds and longer than the one before; the last ones longer than all. */
  readonly durations: number[];
  seconds: number;
}

/** A request that was answered; `route` as it is declared. */
export type CountRequest = (method: string, route: string, status: number, seconds: number) => void;

export function requestMetrics(registry: Registry): CountRequest {
  const known = new Map<string, Requests>();

  function requestsOf(method: string, route: string): Requests {
    const name = `${method} ${route}`;
    const found = known.get(name);
    if (found) return found;
    const durations = new Array<number>(bounds.length + 1).fill(0);
    const fresh = { labels: { method, route }, statuses: new Map<number, number>(), durations, seconds: 0 };
    known.set(name, fresh);
    return fresh;
  }

  const samplesOf = (of: (requests: Requests) => Sample[]) => () => [...known.values()].flatMap(of);

  const counter = {
    name: 'keys_http_requests_total',
    help: 'Requests that were answered',
    type: 'counter',
  } as const;
  plainMetric(
    registry,
    counter,
    samplesOf(({ labels, statuses }) =>
      [...statuses].map(([status, value]) => ({ labels: { ...labels, status }, value })),
    ),
  );
  const name = 'keys_http_request_duration_seconds';
  const histogram = { name, help: 'How long an answer took', type: 'histogram' } as const;
  const durationsOf = ({ labels, durations, seconds }: Requests): Sample[] => {
    let count = 0;
    const buckets = durations.map((amount, index) => {
      count += amount;
      return {
        metricName: `${name}_bucket`,
        labels: { le: bounds[index] ?? '+Inf', ...labels },
        value: count,
      };
    });
    return [
      ...buckets,
      { metricName: `${name}_sum`, labels, value: seconds },
      { metricName: `${name}_count`, labels, value: count },
    ];
  };
  plainMetric(registry, histogram, samplesOf(durationsOf));

  return (method, route, status, seconds) => {
    const requests = requestsOf(method, route);
    requests.statuses.set(status, (requests.statuses.get(status) ?? 0) + 1);
    const index = bounds.findIndex((bound) => seconds <= bound);
    const bucket = index < 0 ? bounds.length : index;
    requests.durations[bucket] = (requests.durations[bucket] ?? 0) + 1;
    requests.seconds += seconds;
  };
}
