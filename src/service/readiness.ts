/** Whether a service should be sent requests: it can keep what it is told, and nobody has told it to stop. */
import type { Service } from './service.ts';

/** Anybody may ask; the database is not asked more often than this. */
const goodForMs = 1_000;

export interface Readiness {
  /** Why not, or `null` when it is ready. */
  problem(): Promise<string | null>;
  /** From now on it may be, where it began as one that is not. */
  begin(): void;
  /** From now on it is not. */
  stop(): void;
  readonly stopping: boolean;
}

export function createReadiness(
  service: Pick<Service, 'check'>,
  { now = Date.now, begun = true } = {},
): Readiness {
  let starting = !begun;
  let stopping = false;
  let askedAt = Number.NEGATIVE_INFINITY;
  let answer: Promise<string | null> | undefined;

  const ask = () =>
    service.check().then(
      () => null,
      () => 'the service cannot use its database now',
    );

  return {
    async problem() {
      if (stopping) return 'the service is stopping';
      if (starting) return 'the service is starting';
      if (!answer || Math.abs(now() - askedAt) >= goodForMs) {
        askedAt = now();
        answer = ask();
      }
      return answer;
    },
    begin() {
      starting = false;
    },
    stop() {
      stopping = true;
    },
    get stopping() {
      return stopping;
    },
  };
}
