/** What a key service can do, line by line, for a person. */
import { fieldTitles } from '../src/capabilities.ts';
import type { Capabilities, UntoldField, Verb } from '../src/keys.ts';

export interface Ability {
  readonly what: string;
  /** Where the answer is no plain yes or no: the answer. */
  readonly can: boolean | string;
  readonly instead: string | null;
}

const verbs: Readonly<Record<Verb, true>> = {
  create: true,
  list: true,
  get: true,
  edit: true,
  disable: true,
  enable: true,
  regenerate: true,
  revoke: true,
  verify: true,
  whoami: true,
  reveal: true,
  audit: true,
};

/** What a service may not tell, and the options of a list that go by it. */
const facts: Readonly<Record<UntoldField, readonly [string, string]>> = {
  owner: ['owner told', '--owner'],
  expiresAt: ['expiry told', '--expiring-within and --no-expiry'],
  lastUsedAt: ['use told', '--unused-for'],
};

export function abilities(capabilities: Capabilities): Ability[] {
  const { editable, filters, instead = {}, maxActiveKeys, untold = [] } = capabilities;
  const settable: readonly string[] = ['name', ...capabilities.fields];
  const plain = (what: string, can: boolean | string, hint: string | null = null): Ability => ({
    what,
    can,
    instead: hint,
  });
  return [
    ...(Object.keys(verbs) as Verb[]).map((verb) =>
      plain(verb, capabilities.verbs.includes(verb), instead[verb]),
    ),
    ...Object.entries(fieldTitles).map(([field, title]) => {
      const changeable = editable.some((each) => each === field);
      return plain(title, settable.includes(field) && (changeable ? true : 'when created'));
    }),
    plain(
      'filters',
      filters.length > 0 ? String(filters.length) : false,
      filters.length > 0 ? filters.join(', ') : 'done here, over all pages',
    ),
    ...Object.entries(facts).map(([field, [what, options]]) => {
      const tells = !untold.some((each) => each === field);
      return plain(what, tells, tells ? null : `no ${options}: nothing true could be said`);
    }),
    plain('pages', capabilities.pages),
    plain(
      'safe repeat',
      capabilities.idempotentMint,
      capabilities.idempotentMint ? null : 'a mint is sent once',
    ),
    plain('two secrets', capabilities.grace, capabilities.grace ? null : 'keys rotate uses two keys'),
    plain('most keys', maxActiveKeys === undefined ? 'unknown' : String(maxActiveKeys)),
  ];
}

/** An answer in a word. */
export function abilityText({ can }: Ability): string {
  if (typeof can === 'string') return can;
  return can ? 'yes' : 'no';
}
