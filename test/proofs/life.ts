/** What may happen to an operation: every combination that a property test can think of. */
import fc from 'fast-check';

export type Arbitrary<T> = T extends fc.Arbitrary<infer Value> ? Value : never;

/** How a call of the service goes: what is `lost` was done, and not answered. */
const fault = fc.constantFrom('none', 'none', 'away', 'lost', 'refused');
export type Fault = Arbitrary<typeof fault>;

/** One run of a command. */
const attempt = fc.record({
  /** How its first calls of the service go; those after them go well. */
  wire: fc.oneof(fc.constant([]), fc.array(fault, { maxLength: 6 })),
  /** Before or after which of its steps it dies: calls of the service, writes of the journal, deliveries. */
  death: fc.option(
    fc.record({ at: fc.integer({ min: 1, max: 14 }), when: fc.constantFrom('before', 'after') }),
  ),
  /** Whether it runs where its check can be found. */
  hasCheck: fc.boolean(),
});
export type Attempt = Arbitrary<typeof attempt>;

export const calm: Attempt = { wire: [], death: null, hasCheck: true };

const place = fc.record({
  kind: fc.constantFrom('readable', 'unreadable', 'unreadable', 'printed'),
  /** How its first deliveries go; those after them go well. */
  deeds: fc.array(fc.constantFrom('takes', 'refuses', 'takes and fails'), { maxLength: 4 }),
});
export type PlaceNature = Arbitrary<typeof place>;

/** Which of three places. */
const to = fc.subarray([0, 1, 2], { minLength: 1 });

const recover = fc.record({
  act: fc.constant('recover'),
  to: fc.option(to, { freq: 4 }),
  /** Whether a person says so, where it is true. */
  arrived: fc.boolean(),
  attempt,
});
const undo = fc.record({ act: fc.constant('undo'), attempt });
/** The same command once more, which may leave a rotation behind that was begun. */
const again = fc.record({ act: fc.constant('again'), takeOver: fc.boolean(), attempt });
/** Somebody works with the secret that a place has. */
const use = fc.record({ act: fc.constant('use'), at: fc.nat(2) });
/** Sixteen minutes pass: the service cannot repeat what it minted any more. */
const later = fc.record({ act: fc.constant('later') });
/** What others do to the key. */
const others = fc.record({ act: fc.constantFrom('revoke', 'regenerate', 'edit') });

const step = fc.oneof(
  { weight: 6, arbitrary: recover },
  { weight: 1, arbitrary: undo },
  { weight: 1, arbitrary: again },
  { weight: 3, arbitrary: use },
  { weight: 2, arbitrary: later },
  { weight: 1, arbitrary: others },
);
export type Step = Arbitrary<typeof step>;

export const life = fc.record({
  command: fc.constantFrom('create', 'regenerate', 'regenerate with grace', 'rotate', 'rotate'),
  /** Whether the service can repeat a mint and let two secrets overlap. */
  repeats: fc.boolean(),
  places: fc.tuple(place, place, place),
  to,
  /** How long a rotation's old secret goes on: until the service has forgotten the new one, or not. */
  graceMs: fc.constantFrom(0, 0, 20 * 60_000),
  check: fc.option(fc.constantFrom('wc -c', 'false'), { freq: 2 }),
  attempt,
  steps: fc.array(step, { maxLength: 8 }),
});
export type Life = Arbitrary<typeof life>;
