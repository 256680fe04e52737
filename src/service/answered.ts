/** What is told of every request that has been answered: it counts in the metrics, and has a line in the log. */
import type { FastifyBaseLogger } from 'fastify';
import type { Metrics } from './metrics.ts';

export interface Answered {
  readonly requestId: string;
  readonly method: string;
  /** As it is declared, never the URL, where somebody may have put a secret; `null` for an address that is not there. */
  readonly route: string | null;
  readonly status: number;
  /** Of the key that the caller came with. */
  readonly keyId: string | null;
  readonly address: string | null;
  /** How long it took. */
  readonly ms: number;
}

export type TellAnswered = (answered: Answered) => void;

export function answeredTo(metrics: Metrics, logger: FastifyBaseLogger | undefined): TellAnswered {
  return (answered) => {
    const { method, route, status, ms } = answered;
    metrics.answered(method, route, status, ms / 1_000);
    logger?.info({ ...answered, ms: Math.round(ms * 10) / 10 }, 'request');
  };
}
