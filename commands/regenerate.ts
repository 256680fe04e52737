import { type Command, Option } from 'commander';
import type { App } from '../src/app.ts';
import { deliveryFailure, openOutlet } from '../src/deliver.ts';
import { KeysError } from '../src/errors.ts';
import { durationText } from '../src/time.ts';
import { oneKey } from './choose.ts';
import { askConsent, requireConsent } from './consent.ts';
import { called } from './key-noun.ts';
import { duration, keyArgument } from './options.ts';

interface Options {
  grace: number;
  discard?: boolean;
}

export function declare(command: Command, app: App): void {
  command
    .addArgument(keyArgument('[key]'))
    .addOption(
      new Option('--grace <duration>', 'how long the old secret still works')
        .argParser(duration)
        .default(0, 'not at all'),
    )
    .option('--discard', 'do not print the new secret')
    .action((ref: string | undefined, options: Options) => regenerate(app, ref, options));
}

export async function regenerate(app: App, ref: string | undefined, options: Options): Promise<void> {
  const { grace, discard } = options;
  const outlet = openOutlet(app, discard);
  requireConsent(app, 'regenerate');
  const service = await app.keys('regenerate');
  if (grace > 0 && !service.capabilities.grace) {
    throw new KeysError('unsupported', `${service.capabilities.title} ends the old secret at once`, {
      hint: 'leave out --grace when that is all right',
    });
  }
  const key = await oneKey(app, service, ref, 'A new secret for which key?');
  await outlet.rehearse(key);
  const old = grace > 0 ? `the old one works for another ${durationText(grace)}` : 'the old one is dead';
  const end = grace > 0 ? `in ${durationText(grace)}` : 'at once';
  await askConsent(app, [key], `The old secret stops working ${end}. Give this key a new one?`);
  const issued = await service.regenerate(key.id, { graceMs: grace }, key.version);
  await app.note(`${called(issued.key)} has a new secret; ${old}`);
  if (!discard) await app.note('it is shown only this once:');
  try {
    await outlet.deliver(issued);
  } catch (error) {
    throw new KeysError(
      'undelivered',
      `${deliveryFailure(error)}; nobody has the new secret of ${called(key)}, and ${old}`,
      { hint: `give the secret somewhere to go and run it once more: keys regenerate ${key.id}` },
    );
  }
}
