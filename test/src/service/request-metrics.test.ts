import { expect, test } from 'vitest';
import { createMetrics } from '../../../src/service/metrics.ts';

test('a request counts under its status, and in each bound that it does not go beyond', async () => {
  const metrics = createMetrics();
  for (const seconds of [0.001, 0.0011, 0.5, 10]) metrics.answered('GET', '/v1/keys', 200, seconds);
  metrics.answered('GET', '/v1/keys', 404, 11);
  metrics.answered('POST', '/v1/keys', 201, 1);
  const lines = (await metrics.text()).split('\n').filter((line) => line.includes('method="GET"'));
  const bounds = { 0.001: 1, 0.0025: 2, 0.005: 2, 0.01: 2, 0.025: 2, 0.05: 2, 0.1: 2, 0.25: 2 };
  const more = { 0.5: 3, 1: 3, 2.5: 3, 5: 3, 10: 4, '+Inf': 5 };
  const labels = 'method="GET",route="/v1/keys"';
  const name = 'keys_http_request_duration_seconds';
  expect(lines.sort()).toEqual(
    [
      `keys_http_requests_total{${labels},status="200"} 4`,
      `keys_http_requests_total{${labels},status="404"} 1`,
      ...Object.entries({ ...bounds, ...more }).map(
        ([le, count]) => `${name}_bucket{le="${le}",${labels}} ${count}`,
      ),
      `${name}_sum{${labels}} ${0.001 + 0.0011 + 0.5 + 10 + 11}`,
      `${name}_count{${labels}} 5`,
    ].sort(),
  );
});
