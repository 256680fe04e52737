/** How an unfinished operation is printed. */
import { hasNoWayBack, type Operation, type OperationState, renewal } from '../src/operations/operation.ts';
import type { Noun } from '../src/output.ts';
import { relative } from '../src/time.ts';

/** An operation as the JSON contract has it. */
export interface OperationJson {
  id: string;
  command: string;
  profile: string;
  key: { id: string; name: string } | null;
  state: OperationState;
  startedAt: string;
  destinations: string[];
  /** What is to be done, for a person. */
  next: string;
}

const nextByState: Record<OperationState, string> = {
  intended: 'find out whether it was minted, then deliver',
  minted: 'deliver the secret',
  delivering: 'find out where the secret has arrived, then deliver it again',
  uncertain: 'say whether the secret has arrived: --arrived, or --undo',
  delivered: 'test the secret, then end the old one',
  failed: 'end the new secret',
  tested: 'end the old secret',
  unproven: 'nothing; the secret can be had once more for 15 minutes',
};

function nextStep(operation: Operation): string {
  const { state, command } = operation;
  if (state === 'delivered' && command !== 'rotate') return 'tell the service that it has arrived';
  if (state === 'uncertain' && hasNoWayBack(operation))
    return `say that the secret has arrived: --arrived, or ${renewal(operation)} again`;
  return nextByState[state];
}

export function operationJson(operation: Operation): OperationJson {
  const { id, command, profile, minted, key, state, startedAt, destinations } = operation;
  const next = nextStep(operation);
  return { id, command, profile, key: minted ?? key, state, startedAt, destinations, next };
}

export const operationNoun: Noun<OperationJson> = {
  columns: [
    { field: 'id', title: 'operation', value: ({ id }) => id },
    { field: 'command', title: 'command', value: ({ command }) => command },
    { field: 'key', title: 'key', value: ({ key }) => key && `${key.name} (${key.id})`, shrinks: true },
    { field: 'profile', title: 'profile', value: ({ profile }) => profile, dispensable: 3 },
    { field: 'state', title: 'state', value: ({ state }) => state },
    {
      field: 'startedAt',
      title: 'started',
      value: ({ startedAt }) => startedAt,
      human: ({ startedAt }, nowMs) => relative(startedAt, nowMs),
      dispensable: 2,
    },
    {
      field: 'destinations',
      title: 'to',
      value: ({ destinations }) => destinations.join(' '),
      shrinks: true,
    },
    { field: 'next', title: 'next', value: ({ next }) => next, dispensable: 1 },
  ],
  name: ({ id }) => id,
  none: 'no unfinished operations',
};
