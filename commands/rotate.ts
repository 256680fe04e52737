import { type Command, Option } from 'commander';
import type { App } from '../src/app.ts';
import { KeysError } from '../src/errors.ts';
import type { Key, KeyService } from '../src/keys.ts';
import { farewell, planRotation, type RotationWishes, requireWishes } from '../src/operations/rotation.ts';
import { requireCheck } from '../src/operations/test-secret.ts';
import { runBatch, type Target, targetsFrom } from './batch.ts';
import { askConsent, requireConsent } from './consent.ts';
import {
  addDeliveryOptions,
  type Delivery,
  type DeliveryOptions,
  issue,
  type Wish,
  withDelivery,
} from './delivery.ts';
import { called } from './key-noun.ts';
import { addExamples, graceDuration, keyArgument, neverGuessed } from './options.ts';
import { rotateSelf } from './rotate-self.ts';

export interface Options extends DeliveryOptions {
  grace?: number;
  check?: string;
  allowGap?: boolean;
  takeOver?: boolean;
  self?: boolean;
}

export function declare(command: Command, app: App): void {
  addDeliveryOptions(command)
    .addArgument(keyArgument('[keys...]', 'ids or names; - reads them from standard input'))
    .option(
      '--grace <duration>',
      'how long the old secret still works after the test: 1d when absent, 30d at most',
      graceDuration,
    )
    .option('--check <command>', 'a command that tests the new secret, given on its standard input')
    .addOption(
      neverGuessed(new Option('--allow-gap', 'let the old secret die first where there is no other way')),
    )
    .option('--take-over', 'leave behind a rotation that was begun on a machine that is lost')
    .option('--self', 'the credential that this profile works with')
    .action((refs: string[], options: Options) => rotate(app, refs, options));
  addExamples(command, [
    'keys rotate ci-deploy --to file:token --check ./smoke-test',
    "keys list --label team=web -o name | keys rotate - --yes --to 'env-file:.env#{name}'",
  ]);
}

export async function rotate(app: App, refs: readonly string[], options: Options): Promise<void> {
  if (options.check !== undefined) await requireCheck(options.check, app.env);
  if (options.self) return rotateSelf(app, refs, options);
  requireConsent(app, 'rotate');
  const service = await app.keys('get');
  requireWishes(service, wishesFrom(options));
  const targets = await targetsFrom(app, service, refs, {
    question: 'Which key gets a new secret?',
    filter: { statuses: ['active'] },
  });
  const [first] = targets;
  if (targets.length === 1 && first) return rotateOne(app, service, first, options);
  if (!options.to?.every((spec) => spec.includes('{name}') || spec.includes('{id}'))) {
    throw new KeysError('invalid', 'several keys need a destination each', {
      hint: "write {name} or {id} where it belongs: --to 'env-file:.env#{name}'",
    });
  }
  const found = targets.flatMap(({ key }) => key ?? []);
  requireApart(options.to, found);
  await askConsent(app, found, `Give each of these ${found.length} keys a new secret?`);
  await runBatch(
    app,
    service,
    { done: 'rotated', apply: (_service, key) => exchange(app, service, key, options, { silent: true }) },
    targets,
  );
}

async function rotateOne(app: App, service: KeyService, target: Target, options: Options): Promise<void> {
  if (target.error) throw target.error;
  const { key } = target;
  await askConsent(app, [key], `Exchange the secret of ${called(key)}?`);
  await exchange(app, service, key, options, { silent: false });
}

function wishesFrom({ grace: graceMs, allowGap, takeOver }: Options): RotationWishes {
  return { graceMs, allowGap, takeOver };
}

/** The whole safe exchange for one key. `silent` leaves the result to the caller. */
async function exchange(
  app: App,
  service: KeyService,
  key: Key,
  options: Options,
  { silent }: { silent: boolean },
) {
  const rotation = await planRotation(service, key, wishesFrom(options), app.now());
  const to = options.to?.map((spec) => filled(spec, key));
  const { request, graceMs } = rotation;
  const wish: Wish = {
    command: 'rotate',
    request,
    key: { id: key.id, name: key.name },
    graceMs,
    check: options.check ?? null,
  };
  await withDelivery(app, { ...options, to }, async (delivery) => {
    if (service.minting) requireKept(app, delivery, wish.check);
    await delivery.rehearse(key);
    const spoken = silent ? { ...delivery, report: async () => {} } : delivery;
    const made = await issue(app, service, spoken, wish, { force: options.force });
    if (silent) return;
    const successor = made && made.id !== key.id ? `, its successor is ${called(made)}` : '';
    await app.note(`${called(key)} is rotated${successor}; ${farewell(rotation, key, app.now())}`);
  });
}

/**
 * Throws `invalid` when the check would be the first to use a secret that goes into a pipe: it could not be had again then, and
 * nobody can tell whether it was read.
 */
function requireKept({ io }: App, { destinations }: Delivery, check: string | null | undefined): void {
  const piped =
    destinations.length > 0 && destinations.every(({ unproven }) => unproven) && !io.stdout.isTerminal;
  if (!check || !piped) return;
  throw new KeysError(
    'invalid',
    '--check uses the new secret, and what goes into a pipe could then be lost',
    {
      hint: 'send it where it can be read again, as with --to file:PATH, or leave out --check',
    },
  );
}

/** Throws `invalid` where the secret of one key would replace that of another: names are unique in a namespace at most. */
function requireApart(specs: readonly string[], keys: readonly Key[]): void {
  for (const spec of specs.filter((each) => !each.includes('{id}'))) {
    const before = new Map<string, Key>();
    for (const key of keys) {
      const other = before.get(key.name);
      if (other && other.id !== key.id) {
        throw new KeysError(
          'invalid',
          `${called(other)} and ${called(key)} would get one destination, ${spec.replaceAll('{name}', key.name)}`,
          { hint: 'write {id}, alone or beside {name}' },
        );
      }
      before.set(key.name, key);
    }
  }
}

/** Nothing that a path, a shell or a file of variables would read as more than itself. */
const plain = /^[\p{L}\p{N}_][\p{L}\p{N}._-]*$/u;

/** A destination for one of several keys. Throws `invalid` for a name or an id, which others chose, that would lead elsewhere. */
function filled(spec: string, { id, name }: Key): string {
  if (spec.includes('{name}') && !plain.test(name)) {
    throw new KeysError('invalid', `the name '${name}' cannot be part of a destination`, {
      hint: 'use {id}',
    });
  }
  // Those of some services are paths.
  if (spec.includes('{id}') && !id.split('/').every((part) => plain.test(part))) {
    throw new KeysError('invalid', `the id '${id}' cannot be part of a destination`, {
      hint: 'rotate this key alone, and write its destination out',
    });
  }
  return spec.replaceAll('{name}', name).replaceAll('{id}', id);
}
