import { type Command, Option } from 'commander';
import type { App } from '../src/app.ts';
import { KeysError } from '../src/errors.ts';
import type { KeyService } from '../src/keys.ts';
import type { MintRequest } from '../src/operations/operation.ts';
import { durationText } from '../src/time.ts';
import { oneKey } from './choose.ts';
import { askConsent, requireConsent } from './consent.ts';
import { addDeliveryOptions, type Delivery, type DeliveryOptions, issue, withDelivery } from './delivery.ts';
import { called } from './key-noun.ts';
import { addExamples, graceDuration, keyArgument } from './options.ts';

interface Options extends DeliveryOptions {
  grace: number;
}

export function declare(command: Command, app: App): void {
  addDeliveryOptions(command)
    .addArgument(keyArgument('[key]'))
    .addOption(
      new Option('--grace <duration>', 'how long the old secret still works, 30d at most')
        .argParser(graceDuration)
        .default(0, 'not at all'),
    )
    .action((ref: string | undefined, options: Options) => regenerate(app, ref, options));
  addExamples(command, ['keys regenerate ci-deploy', 'keys regenerate ci-deploy --grace 1h -q > new-secret']);
}

export async function regenerate(app: App, ref: string | undefined, options: Options): Promise<void> {
  const service = await app.keys('regenerate');
  if (options.grace > 0 && !service.capabilities.grace) {
    throw new KeysError('unsupported', `${service.capabilities.title} ends the old secret at once`, {
      hint: 'leave out --grace when that is all right',
    });
  }
  requireConsent(app, 'regenerate');
  await withDelivery(app, options, (delivery) => regenerateAndDeliver(app, service, ref, delivery, options));
}

async function regenerateAndDeliver(
  app: App,
  service: KeyService,
  ref: string | undefined,
  delivery: Delivery,
  { grace, force }: Options,
) {
  const key = await oneKey(app, service, ref, 'A new secret for which key?');
  await delivery.rehearse(key);
  const old = grace > 0 ? `the old one works for another ${durationText(grace)}` : 'the old one is dead';
  const end = grace > 0 ? `in ${durationText(grace)}` : 'at once';
  await askConsent(app, [key], `The old secret stops working ${end}. Give this key a new one?`);
  // Where the service can, the old secret is ended only when the new one has arrived.
  const request: MintRequest =
    grace > 0 && service.minting
      ? { kind: 'overlap', id: key.id, version: key.version }
      : { kind: 'regenerate', id: key.id, graceMs: grace, version: key.version };
  await issue(
    app,
    service,
    delivery,
    { command: 'regenerate', request, key: { id: key.id, name: key.name }, graceMs: grace },
    {
      force,
      minted: async (issued) => {
        await app.note(`${called(issued.key)} has a new secret; ${old}`);
        if (delivery.specs.includes('stdout')) await app.note('it is shown only this once:');
      },
    },
  );
}
