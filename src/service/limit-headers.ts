/** How limits stand, as answers say it: draft-ietf-httpapi-ratelimit-headers-10. */
import type { Standing } from './limits.ts';

export function limitHeaders(standings: readonly Standing[]): Record<string, string> {
  return {
    'ratelimit-policy': list(
      standings,
      ({ bucket: { limit } }) => `q=${limit.requests};w=${limit.perSeconds}`,
    ),
    ratelimit: list(standings, ({ left, waitMs }) => `r=${left};t=${Math.ceil(waitMs / 1_000)}`),
  };
}

function list(standings: readonly Standing[], parameters: (standing: Standing) => string): string {
  return standings.map((standing) => `"${standing.bucket.policy}";${parameters(standing)}`).join(', ');
}
