/**
 * Requests, for Prometheus: how many were answered and how long that took. They are counted in plain numbers and become metrics when
 * somebody asks: the library's own counting, which puts the labels together again each time, costs more than finding a key.
 */
import type { Metric, Registry } from 'prom-client';

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

interface Sample {
  readonly metricName?: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
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

  function register(name: string, help: string, type: string, samplesOf: (of: Requests) => Sample[]): void {
    const get = async () => ({ name, help, type, values: [...known.values()].flatMap(samplesOf) });
    // What the registry asks of a metric is its name and `get`.
    registry.registerMetric({ name, get } as unknown as Metric<string>);
  }

  register('keys_http_requests_total', 'Requests that were answered', 'counter', ({ labels, statuses }) =>
    [...statuses].map(([status, value]) => ({ labels: { ...labels, status }, value })),
  );
  const histogram = 'keys_http_request_duration_seconds';
  register(histogram, 'How long an answer took', 'histogram', ({ labels, durations, seconds }) => {
    let count = 0;
    const buckets = durations.map((amount, index) => {
      count += amount;
      return {
        metricName: `${histogram}_bucket`,
        labels: { le: bounds[index] ?? '+Inf', ...labels },
        value: count,
      };
    });
    return [
      ...buckets,
      { metricName: `${histogram}_sum`, labels, value: seconds },
      { metricName: `${histogram}_count`, labels, value: count },
    ];
  });

  return (method, route, status, seconds) => {
    const requests = requestsOf(method, route);
    requests.statuses.set(status, (requests.statuses.get(status) ?? 0) + 1);
    const index = bounds.findIndex((bound) => seconds <= bound);
    const bucket = index < 0 ? bounds.length : index;
    requests.durations[bucket] = (requests.durations[bucket] ?? 0) + 1;
    requests.seconds += seconds;
  };
}
