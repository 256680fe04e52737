/** What a store refused, as people are told. */
import { KeysError } from '../errors.ts';
import { count } from '../text.ts';
import type { KeyRow, Outcome } from './store.ts';

/** Throws `conflict` and `quota_exceeded`. */
export function rowOf(outcome: Outcome, { name, namespace, owner }: KeyRow): KeyRow | 'changed' {
  if (outcome.refused === undefined) return outcome.row;
  if (outcome.refused === 'changed') return 'changed';
  if (outcome.refused === 'overlapping') {
    throw new KeysError('conflict', `another rotation of the key '${name}' is not finished`, {
      hint: 'finish it where it was begun (keys recover); if that machine is lost: keys rotate --take-over',
    });
  }
  if (outcome.refused === 'no_owner') {
    throw new KeysError('invalid', `there is no user '${owner}'`, { hint: `keys user create ${owner}` });
  }
  if (outcome.refused === 'owner_disabled') {
    throw new KeysError('conflict', `the user '${owner}' is disabled`, { hint: `keys user enable ${owner}` });
  }
  if (outcome.refused === 'quota') {
    const { of, quota, active } = outcome;
    if (quota === 0) throw notOnThisPlan(of, namespace);
    if (of === 'service') {
      throw new KeysError(
        'quota_exceeded',
        `this service may have ${count(quota, 'active key')} and has ${active}`,
        {
          hint: 'revoke or disable keys that are not needed: keys list --all-namespaces --unused-for 90d',
        },
      );
    }
    throw new KeysError(
      'quota_exceeded',
      `the namespace '${namespace}' may have ${count(quota, 'active key')} and has ${active}`,
      { hint: 'revoke or disable keys that are not needed: keys list --unused-for 90d' },
    );
  }
  throw new KeysError('conflict', `there is a key named '${name}' in the namespace '${namespace}' already`, {
    hint: 'choose another name; that key has it until it is revoked',
  });
}

function notOnThisPlan(of: 'namespace' | 'service', namespace: string): KeysError {
  if (of === 'service') {
    return new KeysError('quota_exceeded', 'API keys are not on the plan of this service', {
      hint: 'whoever runs it decides that: keys serve --total-quota',
    });
  }
  return new KeysError('quota_exceeded', `API keys are not on the plan of the namespace '${namespace}'`, {
    hint: `an admin can change that: keys namespace edit ${namespace} --quota 10`,
  });
}
