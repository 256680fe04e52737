/**
 * What several clients saw of shared keys, and whether it can be explained: by one order of all calls in which a call that ended
 * before another began comes first, and every answer is what the key's state at that point says. A verify that accepts after a
 * revoke has ended, or that refuses a secret which was good all along, has no place in any such order.
 */

export type Call =
  | { readonly verb: 'verify'; readonly secret: string; readonly answer: 'valid' | 'disabled' | 'unknown' }
  | { readonly verb: 'revoke' | 'disable' | 'enable'; readonly answer: 'done' | 'conflict' }
  /** The secret that it gave, by its name. */
  | { readonly verb: 'regenerate'; readonly answer: 'done'; readonly secret: string }
  | { readonly verb: 'regenerate'; readonly answer: 'conflict' };

export type Operation = Call & {
  /** Who makes one call after the other. */
  readonly client: string;
  readonly key: string;
  /** On a clock that all clients share. */
  readonly start: number;
  readonly end: number;
};

interface State {
  /** The one secret that is good, when the key is. */
  readonly secret: string;
  readonly disabled: boolean;
  readonly revoked: boolean;
}

export interface Unexplained {
  readonly key: string;
  /** What the key was, as far as the calls can be put in order, and the next ones, none of which fits. */
  readonly state: State;
  readonly stuck: readonly Operation[];
}

/** The keys whose history has no explanation. `first` has the secret that each key began with. */
export function unexplained(
  history: readonly Operation[],
  first: ReadonlyMap<string, string>,
): Unexplained[] {
  const found: Unexplained[] = [];
  for (const [key, operations] of Map.groupBy(history, (operation) => operation.key)) {
    const state = { secret: first.get(key) ?? '', disabled: false, revoked: false };
    const stuck = search(operations, state);
    if (stuck) found.push({ key, ...stuck });
  }
  return found;
}

function search(operations: readonly Operation[], first: State): Omit<Unexplained, 'key'> | null {
  const clients = [...Map.groupBy(operations, ({ client }) => client).values()];
  for (const each of clients) each.sort((a, b) => a.start - b.start);
  const visited = new Set<string>();
  let furthest = -1;
  let stuck: Omit<Unexplained, 'key'> = { state: first, stuck: [] };

  /** The next call of each client that may be the next of all: those that began before any other pending one had ended. */
  function candidates(positions: readonly number[]): { operation: Operation; client: number }[] {
    const pending = clients.flatMap((each, client) => {
      const operation = each[positions[client] ?? 0];
      return operation ? [{ operation, client }] : [];
    });
    const deadline = Math.min(...pending.map(({ operation }) => operation.end));
    return pending.filter(({ operation }) => operation.start <= deadline);
  }

  function visit(positions: number[], state: State): boolean {
    let next = candidates(positions);
    for (;;) {
      // A call that only looks, and fits, may as well come now: it cannot be in the way of any other.
      const idle = next.find(({ operation }) => isLook(operation) && after(state, operation));
      if (!idle) break;
      positions[idle.client] = (positions[idle.client] ?? 0) + 1;
      next = candidates(positions);
    }
    if (next.length === 0) return true;
    const place = `${positions.join()} ${state.secret} ${state.disabled} ${state.revoked}`;
    if (visited.has(place)) return false;
    visited.add(place);
    for (const { operation, client } of next) {
      const changed = after(state, operation);
      if (changed && visit(positions.with(client, (positions[client] ?? 0) + 1), changed)) return true;
    }
    const reached = positions.reduce((sum, position) => sum + position, 0);
    if (reached > furthest) {
      furthest = reached;
      stuck = { state, stuck: next.map(({ operation }) => operation) };
    }
    return false;
  }

  return visit(Array(clients.length).fill(0), first) ? null : stuck;
}

/** Whether a call cannot change anything, whenever it comes. */
function isLook({ verb, answer }: Operation): boolean {
  return verb === 'verify' || answer === 'conflict';
}

/** The state after a call; `null` when its answer would have been another. */
function after(state: State, operation: Operation): State | null {
  if (operation.verb === 'verify')
    return operation.answer === verified(state, operation.secret) ? state : null;
  if (operation.verb !== 'revoke' && (operation.answer === 'conflict') !== state.revoked) return null;
  if (operation.answer === 'conflict') return operation.verb === 'revoke' ? null : state;
  switch (operation.verb) {
    case 'revoke':
      return { ...state, revoked: true };
    case 'regenerate':
      return { ...state, secret: operation.secret };
    default:
      return { ...state, disabled: operation.verb === 'disable' };
  }
}

function verified({ secret, disabled, revoked }: State, asked: string): 'valid' | 'disabled' | 'unknown' {
  if (revoked || secret !== asked) return 'unknown';
  return disabled ? 'disabled' : 'valid';
}
