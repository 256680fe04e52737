/**
 * Metrics for Prometheus that are counted in plain numbers and get their labels when somebody asks: the library's own counting, which
 * puts the labels together again each time, costs a request more than finding its key.
 */
import type { Metric, Registry } from 'prom-client';

export interface Sample {
  /** Where it is not the metric's own. */
  readonly metricName?: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

interface Description {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'histogram';
}

export function plainMetric(registry: Registry, description: Description, samples: () => Sample[]): void {
  const get = async () => ({ ...description, values: samples() });
  // What the registry asks of a metric is its name and `get`.
  registry.registerMetric({ name: description.name, get } as unknown as Metric<string>);
}

/** How often something happened, by one label of few values. */
export function countBy<Value extends string>(
  registry: Registry,
  { label, values, ...description }: { name: string; help: string; label: string; values: readonly Value[] },
): (value: Value) => void {
  const counts = new Map(values.map((value) => [value, 0]));
  plainMetric(registry, { ...description, type: 'counter' }, () =>
    [...counts].map(([value, count]) => ({ labels: { [label]: value }, value: count })),
  );
  return (value) => counts.set(value, (counts.get(value) ?? 0) + 1);
}
