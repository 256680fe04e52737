/** Secrets that were delivered where nobody can look: whoever has one may work with it already. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { operationJson } from '../../../commands/operation-noun.ts';
import { KeysError } from '../../../src/errors.ts';
import { WriteError } from '../../../src/io.ts';
import { type IssuedKey, type KeyService, keyStatuses } from '../../../src/keys.ts';
import { type Intent, type Journal, openJournal } from '../../../src/operations/journal.ts';
import type { Parts } from '../../../src/operations/parts.ts';
import { performOperation, resumeOperation } from '../../../src/operations/perform.ts';
import { planRotation } from '../../../src/operations/rotation.ts';
import { testSecret } from '../../../src/operations/test-secret.ts';
import { undo } from '../../../src/operations/undo.ts';
import { Secret } from '../../../src/secret.ts';
import { openLocal } from '../../../src/service/local.ts';
import { changedService } from '../../fakes/changed-service.ts';
import { Crash } from '../../fakes/crash.ts';
import { destinationContext } from '../../fakes/destination-context.ts';
import { memoryDestination } from '../../fakes/memory-destination.ts';

const afterSeal = 16 * 60_000;

async function newWorld({ readable = false, plain = false } = {}) {
  const home = mkdtempSync(join(tmpdir(), 'keys-lost-'));
  let clock = Date.now();
  const local = await openLocal({ url: `sqlite:${join(home, 'keys.db')}`, now: () => clock });
  onTestFinished(async () => {
    await local.close();
    rmSync(home, { recursive: true, force: true });
  });
  const capabilities = { ...local.capabilities, idempotentMint: false, grace: false };
  const service: KeyService = plain ? changedService(local, { capabilities, minting: undefined }) : local;
  const destination = memoryDestination('memory:', { readable });
  const journal = openJournal(join(home, 'state'), new AbortController().signal, () => clock);
  const parts = (more: Partial<Parts> = {}): Parts => ({
    service,
    destinations: [destination],
    test: (secret, operation, options) =>
      testSecret(destinationContext(), service, secret, operation, options),
    confirm: async () => true,
    ...more,
  });
  const intent = (more: Partial<Intent>): Intent => ({
    ...{ command: 'create', profile: 'local', origin: 'sqlite:', key: null, destinations: ['memory:'] },
    ...{ request: { kind: 'create', key: { name: 'ci' } }, force: false, graceMs: 0, check: null },
    startedAt: new Date(clock).toISOString(),
    ...more,
  });
  /** Runs it and dies when the secret is where it belongs, and the journal does not know yet. */
  const dieAfterDelivery = async (begun: Intent) => {
    const crash = new Crash(1, 'after');
    const mortal = parts({ destinations: [{ ...destination, deliver: crash.wrap(destination).deliver }] });
    await expect(performOperation(journal, begun, mortal)).rejects.toThrow();
    const [operation] = (await journal.list()).operations;
    return operation?.id ?? '';
  };
  const works = async () => {
    const { held } = destination;
    return held !== null && (await local.verify(held)).valid;
  };
  return {
    ...{ service, journal, destination, parts, intent, dieAfterDelivery, works },
    later(ms: number) {
      clock += ms;
    },
    async rotation() {
      const old = await service.create({ name: 'ci' });
      const { request, graceMs } = await planRotation(service, old.key, { graceMs: 0 }, clock);
      const key = { id: old.key.id, name: 'ci' };
      const id = await dieAfterDelivery(intent({ command: 'rotate', request, graceMs, key }));
      return { id, old, oldWorks: async () => (await local.verify(old.secret)).valid };
    },
    resume: (id: string, more?: Partial<Parts>) => resumeOperation(journal, id, parts(more)),
    undo: (id: string) => journal.resume(id, (held) => undo(held, service)),
    /** The key is revoked, and nobody hears of it. */
    undoUnanswered(id: string) {
      const mute = changedService(service, {
        async revoke(...words) {
          await service.revoke(...words);
          throw new KeysError('timeout', 'no answer');
        },
      });
      return journal.resume(id, (held) => undo(held, mute));
    },
    states: async () => (await journal.list()).operations.map(({ state }) => state),
  };
}

/** Does everything but what this call is for. */
function unanswered(service: KeyService, call: 'acknowledge' | 'settle'): KeyService {
  const away = () => Promise.reject(new KeysError('timeout', 'away'));
  return changedService(service, { minting: service.minting && { ...service.minting, [call]: away } });
}

describe('a rotation that died between a delivery nobody can read back and its journal entry', () => {
  test('delivers the same secret again while it can be had', async () => {
    const { rotation, resume, destination, states, works } = await newWorld();
    const { id, oldWorks } = await rotation();
    const first = destination.held?.reveal();
    expect(await states()).toEqual(['delivering']);
    await resume(id);
    expect(destination.held?.reveal()).toBe(first);
    expect([await works(), await oldWorks()]).toEqual([true, false]);
    expect(await states()).toEqual([]);
  });

  test('after that ends neither secret, says so, and stays listed for a person', async () => {
    const { rotation, resume, later, states, destination, journal } = await newWorld();
    const { id } = await rotation();
    const before = destination.held;
    later(afterSeal);
    for (const _time of [1, 2]) {
      await expect(resume(id)).rejects.toMatchObject({
        code: 'outcome_unknown',
        hint: expect.stringContaining(`keys recover ${id} --arrived`),
      });
    }
    expect(await states()).toEqual(['uncertain']);
    expect(destination.held).toBe(before);
    expect((await journal.list()).operations[0]?.minted).not.toBeNull();
  });

  test.each([
    ['--arrived keeps the new secret and ends the old one', 'arrived', [true, false]],
    ['--undo ends the new secret and keeps the old one', 'undo', [false, true]],
  ] as const)('%s', async (_what, how, expected) => {
    const { rotation, resume, undo, later, states, works } = await newWorld();
    const { id, oldWorks } = await rotation();
    later(afterSeal);
    await expect(resume(id)).rejects.toMatchObject({ code: 'outcome_unknown' });
    if (how === 'arrived') await resume(id, { arrived: true });
    else await undo(id);
    expect([await works(), await oldWorks()]).toEqual(expected);
    expect(await states()).toEqual([]);
  });

  test('is finished without a person once its consumer has used the secret', async () => {
    const { rotation, resume, later, states, works } = await newWorld();
    const { id, oldWorks } = await rotation();
    expect(await works()).toBe(true);
    later(afterSeal);
    await resume(id);
    expect([await works(), await oldWorks()]).toEqual([true, false]);
    expect(await states()).toEqual([]);
  });

  test('is finished without a person where the destination can be read', async () => {
    const { rotation, resume, later, destination, works } = await newWorld({ readable: true });
    const { id, oldWorks } = await rotation();
    const first = destination.held?.reveal();
    later(afterSeal);
    await resume(id);
    expect(destination.held?.reveal()).toBe(first);
    expect([await works(), await oldWorks()]).toEqual([true, false]);
  });

  test('whose secret went nowhere begins again: the old secret works until the new one is there', async () => {
    const world = await newWorld();
    const { service, journal, destination, parts, intent, later, resume, states, works } = world;
    const old = await service.create({ name: 'ci' });
    const { request, graceMs } = await planRotation(service, old.key, { graceMs: 0 }, Date.now());
    const key = { id: old.key.id, name: 'ci' };
    const dying = parts({ minted: () => Promise.reject(new KeysError('interrupted', 'interrupted')) });
    const rotation = intent({ command: 'rotate', request, graceMs, key });
    await expect(performOperation(journal, rotation, dying)).rejects.toThrow('interrupted');
    const oldWorks = async () => (await service.verify(old.secret)).valid;
    later(afterSeal);
    const seen: boolean[] = [];
    const watched = {
      ...destination,
      deliver: async (secret: Secret) => {
        seen.push(await oldWorks());
        await destination.deliver(secret);
      },
    };
    const [operation] = (await journal.list()).operations;
    await resume(operation?.id ?? '', { destinations: [watched] });
    expect(seen).toEqual([true]);
    expect([await works(), await oldWorks()]).toEqual([true, false]);
    expect((await service.list({})).keys).toHaveLength(1);
    expect(await states()).toEqual([]);
  });

  test('with several destinations, some still waiting, is no matter for guesses once the secret is in use', async () => {
    const { rotation, resume, later, states, works } = await newWorld();
    const { id, oldWorks } = await rotation();
    expect(await works()).toBe(true);
    later(afterSeal);
    const destinations = [memoryDestination('memory:', { readable: false }), memoryDestination('second:')];
    const two = resume(id, { destinations });
    await expect(two).rejects.toMatchObject({
      code: 'outcome_unknown',
      message: expect.stringContaining('in use, and cannot be had again to be delivered everywhere'),
    });
    expect(await oldWorks()).toBe(true);
    expect(await states()).toEqual(['uncertain']);
  });

  test('whose secret is in use where it arrived, and was refused elsewhere, is not finished by that', async () => {
    const { service, journal, parts, intent, resume, states } = await newWorld();
    const old = await service.create({ name: 'ci' });
    const { request, graceMs } = await planRotation(service, old.key, { graceMs: 0 }, Date.now());
    const first = memoryDestination('first:', { readable: false });
    const second = memoryDestination('second:', { readable: false });
    const refusing = { ...second, deliver: () => Promise.reject(new KeysError('undelivered', 'refused')) };
    const key = { id: old.key.id, name: 'ci' };
    const rotation = intent({
      command: 'rotate',
      request,
      graceMs,
      key,
      destinations: ['first:', 'second:'],
    });
    const refused = performOperation(journal, rotation, parts({ destinations: [first, refusing] }));
    await expect(refused).rejects.toMatchObject({ code: 'undelivered' });
    expect(first.held && (await service.verify(first.held)).valid).toBe(true);
    const [operation] = (await journal.list()).operations;
    const again = resume(operation?.id ?? '', { destinations: [first, second] });
    await expect(again).rejects.toMatchObject({ code: 'outcome_unknown' });
    expect((await service.verify(old.secret)).valid).toBe(true);
    expect(await states()).toEqual(['uncertain']);
  });

  test('and is in use where it arrived has not arrived where it is to go now', async () => {
    const { rotation, resume, works, states } = await newWorld();
    const { id, oldWorks } = await rotation();
    expect(await works()).toBe(true);
    const other = memoryDestination('other:', { readable: false });
    await expect(resume(id, { destinations: [other] })).rejects.toMatchObject({ code: 'outcome_unknown' });
    expect(await oldWorks()).toBe(true);
    expect(await states()).toEqual(['uncertain']);
  });

  test('to another destination does not end the secret that the first one may have', async () => {
    const { rotation, resume, later, works } = await newWorld();
    const { id, oldWorks } = await rotation();
    later(afterSeal);
    const other = memoryDestination('other:');
    await expect(resume(id, { destinations: [other] })).rejects.toMatchObject({ code: 'outcome_unknown' });
    expect([await works(), await oldWorks()]).toEqual([true, true]);
  });

  test('has not arrived, whatever a person says, where it was never sent: the hint names the places that --arrived is about', async () => {
    const { service, journal, parts, intent, resume, later, states } = await newWorld();
    const old = await service.create({ name: 'ci' });
    const { request, graceMs } = await planRotation(service, old.key, { graceMs: 0 }, Date.now());
    const first = memoryDestination('first:', { readable: false });
    const second = memoryDestination('second:', { readable: false });
    const failing = {
      ...first,
      async deliver(secret: Secret) {
        await first.deliver(secret);
        throw new KeysError('undelivered', 'no answer');
      },
    };
    const key = { id: old.key.id, name: 'ci' };
    const specs = ['first:', 'second:'];
    const rotation = intent({ command: 'rotate', request, graceMs, key, destinations: specs });
    const interrupted = performOperation(journal, rotation, parts({ destinations: [failing, second] }));
    await expect(interrupted).rejects.toMatchObject({ code: 'undelivered' });
    later(afterSeal);
    const id = (await journal.list()).operations[0]?.id ?? '';
    const said = resume(id, { destinations: [first, second], arrived: true });
    await expect(said).rejects.toMatchObject({
      code: 'outcome_unknown',
      hint: expect.stringContaining(`keys recover ${id} --arrived --to first: when it has arrived there,`),
    });
    expect((await service.verify(old.secret)).valid).toBe(true);
    await resume(id, { destinations: [first], earlier: [second], arrived: true });
    expect((await service.verify(old.secret)).valid).toBe(false);
    expect(await states()).toEqual([]);
  });

  test('on a service that cannot repeat a mint, nothing is revoked, and nothing minted again', async () => {
    const { rotation, resume, states, works, service } = await newWorld({ plain: true });
    const { id, oldWorks } = await rotation();
    await expect(resume(id)).rejects.toMatchObject({ code: 'outcome_unknown' });
    expect([await works(), await oldWorks()]).toEqual([true, true]);
    expect((await service.list({})).keys).toHaveLength(2);
    expect(await states()).toEqual(['uncertain']);
    await resume(id, { arrived: true });
    expect([await works(), await oldWorks()]).toEqual([true, false]);
    expect(await states()).toEqual([]);
  });
});

test('a check that cannot be run, as from another directory, proves nothing of the new secret: both go on working', async () => {
  const { service, journal, parts, intent, works, states } = await newWorld({ readable: true });
  const old = await service.create({ name: 'ci' });
  const { request, graceMs } = await planRotation(service, old.key, { graceMs: 0 }, Date.now());
  const key = { id: old.key.id, name: 'ci' };
  const rotation = intent({ command: 'rotate', request, graceMs, key, check: './not-here now' });
  await expect(performOperation(journal, rotation, parts())).rejects.toMatchObject({
    code: 'outcome_unknown',
    message: expect.stringContaining("could not be tested: --check: there is no program './not-here'"),
  });
  const { idempotencyKey = '' } = (await journal.list()).operations[0] ?? {};
  expect(await service.minting?.status(idempotencyKey)).toMatchObject({ secretState: 'sealed' });
  expect([await works(), (await service.verify(old.secret)).valid]).toEqual([true, true]);
  expect(await states()).toEqual(['delivered']);
});

describe('a secret that was printed, and is to be delivered once more,', () => {
  async function printed(more: Partial<Intent>) {
    const world = await newWorld();
    const old = await world.service.create({ name: 'ci' });
    const { request } = await planRotation(world.service, old.key, { graceMs: 0 }, Date.now());
    const key = { id: old.key.id, name: 'ci' };
    const terminal = memoryDestination('stdout', { readable: false, unproven: true });
    const rotation = { command: 'rotate', request, key } as const;
    const intent = world.intent({ ...rotation, destinations: ['stdout'], ...more });
    await performOperation(world.journal, intent, world.parts({ destinations: [terminal] }));
    const id = (await world.journal.list()).operations[0]?.id ?? '';
    const holds = async () => terminal.held !== null && (await world.service.verify(terminal.held)).valid;
    return { ...world, id, key, terminal, holds };
  }
  const refusing = (error: Error, destination = memoryDestination('second:')) => ({
    ...destination,
    deliver: () => Promise.reject(error),
  });

  test('has no way back: who is asked whether it has arrived is not sent to --undo, nor told that the old one works', async () => {
    const { id, key, resume, undo, later, journal, states } = await printed({});
    const elsewhere = { destinations: [refusing(new KeysError('undelivered', 'refused'))] };
    await expect(resume(id, elsewhere)).rejects.toMatchObject({ code: 'undelivered' });
    later(afterSeal);
    const hint = `keys recover ${id} --arrived when it has arrived, keys rotate ${key.id} when not`;
    const message = expect.not.stringContaining('the old one');
    await expect(resume(id, elsewhere)).rejects.toMatchObject({ code: 'outcome_unknown', hint, message });
    await expect(undo(id)).rejects.toMatchObject({ code: 'conflict', hint });
    const next = (await journal.list()).operations.map((operation) => operationJson(operation).next);
    expect(next).toEqual(['say that the secret has arrived: --arrived, or rotate again']);
    await resume(id, { ...elsewhere, arrived: true });
    expect(await states()).toEqual([]);
  });

  test.each([
    ['is printed again', 2, ['unproven']],
    ['was used', 1, []],
    ['is late', 1, []],
  ] as const)(
    'has its old one ended by recover, when that was all there was left, also when it %s',
    async (how, deliveries, left) => {
      const { service, journal, intent, parts, resume, later, states } = await newWorld();
      const old = await service.create({ name: 'ci' });
      const { request } = await planRotation(service, old.key, { graceMs: 0 }, Date.now());
      const terminal = memoryDestination('stdout', { readable: false, unproven: true });
      const rotation = { command: 'rotate', request, key: { id: old.key.id, name: 'ci' } } as const;
      const dying = parts({ service: unanswered(service, 'settle'), destinations: [terminal] });
      const begun = performOperation(journal, intent({ ...rotation, destinations: ['stdout'] }), dying);
      await expect(begun).rejects.toThrow('away');
      expect(await states()).toEqual(['tested']);
      const id = (await journal.list()).operations[0]?.id ?? '';
      if (how === 'was used' && terminal.held) await service.verify(terminal.held);
      if (how === 'is late') later(afterSeal);
      const resumed = resume(id, { destinations: [terminal] });
      if (how === 'is late') await expect(resumed).rejects.toMatchObject({ code: 'secret_gone' });
      else await resumed;
      expect([terminal.deliveries, await states()]).toEqual([deliveries, left]);
      const works = [terminal.held, old.secret].map(
        async (secret) => secret && (await service.verify(secret)).valid,
      );
      expect(await Promise.all(works)).toEqual([true, false]);
    },
  );

  test('goes on working when the check fails there: the old one is dead', async () => {
    const { id, resume, states, holds, destination } = await printed({});
    const failing = () => Promise.reject(new KeysError('test_failed', 'the check failed'));
    await expect(resume(id, { test: failing })).rejects.toMatchObject({
      code: 'test_failed',
      message: expect.stringContaining('the new one stays where it was delivered'),
    });
    expect([await holds(), destination.held !== null, await states()]).toEqual([true, true, []]);
  });

  test('and could not be printed again, may have been read the first time: it is not replaced', async () => {
    const request = { kind: 'create', key: { name: 'other' } } as const;
    const { id, resume, later, states, holds, terminal } = await printed({
      ...{ command: 'create', request, key: null },
    });
    const error = new KeysError('undelivered', 'cut', {
      cause: new WriteError('standard output', new Error()),
    });
    const closed = refusing(error, terminal);
    await expect(resume(id, { destinations: [closed] })).rejects.toMatchObject({ code: 'undelivered' });
    later(afterSeal);
    await expect(resume(id, { destinations: [terminal] })).rejects.toMatchObject({ code: 'outcome_unknown' });
    expect([await holds(), await states()]).toEqual([true, ['uncertain']]);
  });
});

test('a create that was delivered where nobody can look keeps its secret, and needs a person', async () => {
  const { dieAfterDelivery, intent, resume, later, works, states } = await newWorld();
  const id = await dieAfterDelivery(intent({}));
  later(afterSeal);
  await expect(resume(id)).rejects.toMatchObject({ code: 'outcome_unknown' });
  await resume(id, { arrived: true });
  expect(await works()).toBe(true);
  expect(await states()).toEqual([]);
});

test('a create recovered to another destination, on a service that cannot repeat a mint, is not finished before that has the secret', async () => {
  const { service, journal, intent, parts, destination, resume, works, states } = await newWorld({
    ...{ plain: true, readable: true },
  });
  const dying: Journal = {
    ...journal,
    begin: (begun, work) =>
      journal.begin(begun, (held) =>
        work({ ...held, finish: () => Promise.reject(new Error('interrupted')) }),
      ),
  };
  await expect(performOperation(dying, intent({}), parts())).rejects.toThrow('interrupted');
  const id = (await journal.list()).operations[0]?.id ?? '';
  await journal.resume(id, (held) => held.save({ state: 'delivered' }));
  const other = memoryDestination('other:');
  await resume(id, { destinations: [other], earlier: [destination] });
  expect(other.held?.reveal()).toBe(destination.held?.reveal());
  expect(await works()).toBe(true);
  expect((await service.list({})).keys).toHaveLength(1);
  expect(await states()).toEqual([]);
});

test('a regenerate whose secret is lost stays listed when the one that is to replace it is refused, where no mint can be repeated', async () => {
  const { service, journal, intent, parts, resume, works, states } = await newWorld({
    ...{ plain: true, readable: true },
  });
  const { key } = await service.create({ name: 'ci' });
  const { id, name, version } = key;
  const regenerate = intent({
    command: 'regenerate',
    request: { kind: 'regenerate', id, graceMs: 0, version },
    key: { id, name },
  });
  const dying = parts({ minted: () => Promise.reject(new KeysError('interrupted', 'interrupted')) });
  await expect(performOperation(journal, regenerate, dying)).rejects.toThrow();
  const operation = (await journal.list()).operations[0]?.id ?? '';
  const refused = resume(operation, { service: refusing(service, 'regenerate', 'unavailable') });
  await expect(refused).rejects.toMatchObject({ code: 'outcome_unknown' });
  expect(await states()).toEqual(['intended']);
  await resume(operation);
  expect(await works()).toBe(true);
  expect(await states()).toEqual([]);
});

test('an undo that was not answered is gone on with by recover, and never ends the old secret, too, where no mint can be repeated', async () => {
  const { service, journal, intent, parts, resume, undoUnanswered, states } = await newWorld({
    ...{ plain: true, readable: true },
  });
  const old = await service.create({ name: 'ci' });
  const { request, graceMs } = await planRotation(service, old.key, { graceMs: 0 }, Date.now());
  const key = { id: old.key.id, name: 'ci' };
  const dying = changedService(service, { revoke: () => Promise.reject(new KeysError('timeout', 'away')) });
  const rotation = intent({ command: 'rotate', request, graceMs, key });
  await expect(performOperation(journal, rotation, parts({ service: dying }))).rejects.toThrow();
  expect(await states()).toEqual(['tested']);
  const id = (await journal.list()).operations[0]?.id ?? '';
  await expect(undoUnanswered(id)).rejects.toThrow('no answer');
  expect(await resume(id)).toMatchObject({ nothingLeft: true });
  expect((await service.verify(old.secret)).valid).toBe(true);
  expect(await states()).toEqual([]);
});

test('an undo of a create that was not answered is gone on with by recover, which does not call the create finished', async () => {
  const { service, journal, intent, parts, resume, undoUnanswered, states } = await newWorld({
    readable: true,
  });
  const dying = parts({ service: unanswered(service, 'acknowledge') });
  await expect(performOperation(journal, intent({}), dying)).rejects.toThrow('away');
  const id = (await journal.list()).operations[0]?.id ?? '';
  await expect(undoUnanswered(id)).rejects.toThrow('no answer');
  expect(await resume(id)).toMatchObject({ nothingLeft: true });
  expect(await states()).toEqual([]);
});

test('a rotation that has only the end of the old secret before it is not called finished with a destination that it never reached', async () => {
  const { service, journal, intent, parts, resume, states } = await newWorld({ readable: true });
  const old = await service.create({ name: 'ci' });
  const { request } = await planRotation(service, old.key, { graceMs: 0 }, Date.now());
  const rotation = intent({ command: 'rotate', request, key: { id: old.key.id, name: 'ci' } });
  const dying = parts({ service: unanswered(service, 'settle') });
  await expect(performOperation(journal, rotation, dying)).rejects.toThrow('away');
  const id = (await journal.list()).operations[0]?.id ?? '';
  const other = memoryDestination('other:');
  await expect(resume(id, { destinations: [other] })).rejects.toMatchObject({
    code: 'conflict',
    message: `${id} has delivered its secret, and nothing goes to other: any more`,
  });
  expect([other.held, await states()]).toEqual([null, ['tested']]);
  await resume(id);
  expect(await states()).toEqual([]);
});

/** A create whose secret went nowhere. */
async function lostCreate(world: Awaited<ReturnType<typeof newWorld>>) {
  const { journal, intent, parts, destination } = world;
  const dying = parts({
    minted: () => Promise.reject(new KeysError('interrupted', 'interrupted')),
  });
  await expect(performOperation(journal, intent({}), dying)).rejects.toThrow();
  expect(destination.held).toBeNull();
  return (await journal.list()).operations[0]?.id ?? '';
}

test.each([
  ['recovered', false],
  ['recovered', true],
  ['undone', false],
] as const)(
  'a create %s after somebody regenerated its key leaves their secret alone (with a grace: %s)',
  async (how, grace) => {
    const world = await newWorld();
    const { later, resume, undo, service, states } = world;
    const id = await lostCreate(world);
    later(afterSeal);
    const [key] = (await service.list({})).keys;
    const theirs = await service.regenerate(key?.id ?? '', { graceMs: grace ? 3_600_000 : 0 });
    await expect(how === 'undone' ? undo(id) : resume(id)).rejects.toMatchObject({ code: 'changed' });
    expect((await service.verify(theirs.secret)).valid).toBe(true);
    expect(await states()).toEqual([]);
  },
);

/** Refuses one mint after another. */
function refusing(
  service: KeyService,
  verb: 'create' | 'regenerate',
  code: 'unavailable' | 'unauthenticated',
): KeyService {
  const refuse = () => Promise.reject(new KeysError(code, 'not now'));
  return changedService(service, { [verb]: refuse });
}

test.each(['unavailable', 'unauthenticated'] as const)(
  'a recover that the service answers with %s is no proof that nothing was minted: exit 10, and the operation stays',
  async (code) => {
    const world = await newWorld();
    const { resume, service, states, works } = world;
    const id = await lostCreate(world);
    const refused = resume(id, { service: refusing(service, 'create', code) });
    await expect(refused).rejects.toMatchObject({ code: 'outcome_unknown' });
    expect(await states()).toEqual(['intended']);
    await resume(id);
    expect(await works()).toBe(true);
  },
);

test('the mint that replaces a lost secret is tried until it succeeds, also when the key was edited meanwhile', async () => {
  const world = await newWorld();
  const { resume, later, service, states, works } = world;
  const id = await lostCreate(world);
  later(afterSeal);
  await expect(resume(id, { service: refusing(service, 'regenerate', 'unavailable') })).rejects.toMatchObject(
    {
      code: 'outcome_unknown',
    },
  );
  expect(await states()).toEqual(['intended']);
  const [key] = (await service.list({})).keys;
  await service.edit(key?.id ?? '', { description: 'edited' });
  await resume(id);
  expect(await works()).toBe(true);
  expect(await states()).toEqual([]);
});

test('the answer of the mint that replaces a lost secret may be lost as well: it is the same secret at the next recover', async () => {
  const world = await newWorld();
  const { resume, later, service, states, works, destination } = world;
  const id = await lostCreate(world);
  later(afterSeal);
  let minted: Secret | null = null;
  const mute = changedService(service, {
    async regenerate(...words) {
      minted = (await service.regenerate(...words)).secret;
      throw new KeysError('timeout', 'no answer');
    },
  });
  await expect(resume(id, { service: mute })).rejects.toMatchObject({ code: 'outcome_unknown' });
  await resume(id);
  expect(destination.held?.reveal()).toBe((minted as Secret | null)?.reveal());
  expect(await works()).toBe(true);
  expect(await states()).toEqual([]);
});

test('a lost secret that somebody replaced before the mint that was to replace it is left alone', async () => {
  const world = await newWorld();
  const { resume, later, service, states } = world;
  const id = await lostCreate(world);
  later(afterSeal);
  const turnedAway = resume(id, { service: refusing(service, 'regenerate', 'unavailable') });
  await expect(turnedAway).rejects.toMatchObject({ code: 'outcome_unknown' });
  const [key] = (await service.list({})).keys;
  const theirs = await service.regenerate(key?.id ?? '');
  await expect(resume(id)).rejects.toMatchObject({ code: 'changed' });
  expect((await service.verify(theirs.secret)).valid).toBe(true);
  expect(await states()).toEqual([]);
});

test('where the secret is lost, what replaces it goes to every destination, also to one that had the lost one', async () => {
  const { service, journal, intent, parts, later, resume, states } = await newWorld();
  const [first, second] = [memoryDestination('first:'), memoryDestination('second:')];
  const full = { ...second, deliver: () => Promise.reject(new KeysError('unavailable', 'no room')) };
  const begun = performOperation(
    journal,
    intent({ destinations: ['first:', 'second:'] }),
    parts({ destinations: [first, full] }),
  );
  await expect(begun).rejects.toMatchObject({ code: 'undelivered' });
  first.held = null;
  later(afterSeal);
  const [operation] = (await journal.list()).operations;
  await resume(operation?.id ?? '', { destinations: [first, second] });
  const held = second.held as Secret | null;
  expect((first.held as Secret | null)?.reveal()).toBe(held?.reveal());
  expect(held && (await service.verify(held)).valid).toBe(true);
  expect(await states()).toEqual([]);
});

describe('on a service that cannot repeat a mint', () => {
  const unanswered = async () => {
    throw new KeysError('timeout', 'no answer');
  };

  async function lostAnswer(verb: 'create' | 'regenerate') {
    const world = await newWorld({ plain: true });
    const { service, journal, parts, intent } = world;
    const { key } = await service.create({ name: 'old' });
    const mute = changedService(service, {
      [verb]: async (...words: unknown[]) => {
        await (service[verb] as (...given: unknown[]) => Promise<unknown>)(...words);
        return unanswered();
      },
    });
    const request =
      verb === 'create'
        ? ({ kind: 'create', key: { name: 'new' } } as const)
        : ({ kind: 'regenerate', id: key.id, graceMs: 0, version: key.version } as const);
    const begun = intent({ command: verb, request, key: { id: key.id, name: 'old' } });
    await expect(performOperation(journal, begun, parts({ service: mute }))).rejects.toMatchObject({
      code: 'outcome_unknown',
    });
    const [operation] = (await journal.list()).operations;
    return { ...world, key, id: operation?.id ?? '' };
  }

  test('a rotation that died right after its delivery is finished with what is read there, and nothing is minted again', async () => {
    const world = await newWorld({ plain: true, readable: true });
    const { rotation, resume, destination, service, states, works } = world;
    const { id, oldWorks } = await rotation();
    const delivered = destination.held?.reveal();
    await resume(id);
    expect(destination.held?.reveal()).toBe(delivered);
    expect([await works(), await oldWorks()]).toEqual([true, false]);
    expect((await service.list({ statuses: [...keyStatuses] })).keys).toHaveLength(2);
    expect(await states()).toEqual([]);
  });

  test.each([
    ['nothing', () => null],
    ['the secret of before', (old: IssuedKey) => old.secret],
    ['what is no secret of any key', () => new Secret('changeme')],
  ])('where %s is read there, the successor is ended and another one made', async (_what, held) => {
    const { rotation, resume, destination, service, states, works } = await newWorld({
      plain: true,
      readable: true,
    });
    const { id, old, oldWorks } = await rotation();
    const [lost] = (await service.list({})).keys;
    destination.held = held(old);
    await resume(id);
    expect([await works(), await oldWorks()]).toEqual([true, false]);
    expect((await service.get(lost?.id ?? '')).status).toBe('revoked');
    expect(destination.held?.reveal()).not.toBe(held(old)?.reveal());
    expect((await service.list({})).keys).toHaveLength(1);
    expect(await states()).toEqual([]);
  });

  test('a delivery that was never tested, and nobody can read back, is for a person to judge', async () => {
    const world = await newWorld({ plain: true });
    const { service, journal, parts, intent, resume, states, works } = world;
    const old = await service.create({ name: 'ci' });
    const { request, graceMs } = await planRotation(service, old.key, {}, Date.now());
    const key = { id: old.key.id, name: 'ci' };
    const untested = parts({ test: unanswered });
    const rotation = intent({ command: 'rotate', request, graceMs, key });
    await expect(performOperation(journal, rotation, untested)).rejects.toMatchObject({
      code: 'outcome_unknown',
    });
    expect(await states()).toEqual(['delivered']);
    const [operation] = (await journal.list()).operations;
    const id = operation?.id ?? '';
    for (const answer of [null, false]) {
      await expect(resume(id, { confirm: async () => answer })).rejects.toMatchObject({
        code: 'outcome_unknown',
        hint: expect.stringContaining(`keys recover ${id} --arrived`),
      });
    }
    expect((await service.verify(old.secret)).valid).toBe(true);
    await resume(id, { arrived: true, confirm: async () => null });
    expect([await works(), (await service.verify(old.secret)).valid]).toEqual([true, false]);
    expect(await states()).toEqual([]);
  });

  test('a key that recover ends because its secret is lost is named, where nobody can be asked', async () => {
    const { id, resume, states } = await lostAnswer('create');
    const notes: string[] = [];
    const note = async (text: string) => void notes.push(text);
    await resume(id, { confirm: async () => null, note });
    expect(notes).toEqual([expect.stringMatching(/^1 key with a lost secret revoked: new \(key_.+\)$/)]);
    expect(await states()).toEqual([]);
  });

  test('a regenerate that was delivered where nobody can look is told the ways there are: none back', async () => {
    const { service, intent, dieAfterDelivery, resume, undo, journal, states } = await newWorld({
      plain: true,
    });
    const { key } = await service.create({ name: 'ci' });
    const request = { kind: 'regenerate', id: key.id, graceMs: 0, version: key.version } as const;
    const id = await dieAfterDelivery(intent({ command: 'regenerate', request }));
    const ways = `keys recover ${id} --arrived when it has arrived, keys regenerate ${key.id} when not`;
    await expect(resume(id)).rejects.toMatchObject({ code: 'outcome_unknown', hint: ways });
    await expect(undo(id)).rejects.toMatchObject({ code: 'conflict', hint: ways });
    const next = (await journal.list()).operations.map((operation) => operationJson(operation).next);
    expect(next).toEqual(['say that the secret has arrived: --arrived, or regenerate again']);
    await resume(id, { arrived: true });
    expect(await states()).toEqual([]);
  });

  test('a regenerate whose answer is lost stays listed until a person has decided', async () => {
    const { id, key, resume, states, works } = await lostAnswer('regenerate');
    await expect(resume(id, { confirm: async () => null })).rejects.toMatchObject({
      code: 'outcome_unknown',
      hint: expect.stringContaining(`keys revoke ${key.id}`),
    });
    expect(await states()).toEqual(['intended']);
    await resume(id);
    expect(await works()).toBe(true);
    expect(await states()).toEqual([]);
  });
});
