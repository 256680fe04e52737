/** How a namespace is printed, and the options that say what it is like. */
import { type Command, Option } from 'commander';
import { KeysError } from '../../src/errors.ts';
import type { Noun } from '../../src/output.ts';
import { relative } from '../../src/time.ts';
import type { Namespace } from '../../src/users.ts';
import { parsed } from '../options.ts';

export const namespaceNoun: Noun<Namespace> = {
  columns: [
    { field: 'name', title: 'name', value: ({ name }) => name },
    { field: 'activeKeys', title: 'active keys', value: ({ activeKeys }) => String(activeKeys) },
    {
      field: 'quota',
      title: 'quota',
      value: ({ quota }) => (quota === null ? null : String(quota)),
      human: ({ quota }) =>
        quota === null ? "the service's" : quota === 0 ? 'not on its plan' : String(quota),
    },
    { field: 'recoverable', title: 'recoverable', value: ({ recoverable }) => String(recoverable) },
    {
      field: 'createdAt',
      title: 'created',
      value: ({ createdAt }) => createdAt,
      human: ({ createdAt }, nowMs) => relative(createdAt, nowMs),
      dispensable: 1,
    },
  ],
  name: ({ name }) => name,
  none: 'no namespaces',
};

export interface NamespaceOptions {
  /** `default` leaves it to the service's settings. */
  quota?: number | 'default';
  recoverable?: boolean;
}

export function addNamespaceOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--quota <n>',
        'active keys it may have; 0: keys are not on its plan; default: as the settings of the service say',
      ).argParser(parsed(quota)),
    )
    .option('--recoverable', 'its keys may be recoverable')
    .option('--no-recoverable', 'they may not');
}

function quota(text: string): number | 'default' {
  if (text === 'default') return text;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new KeysError('invalid', `'${text}' is not a quota`, { hint: 'a whole number, or default' });
}

export function valuesOf({ quota: wanted, recoverable }: NamespaceOptions) {
  return { quota: wanted === 'default' ? null : wanted, recoverable };
}
