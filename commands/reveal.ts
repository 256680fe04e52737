import { type Command, Option } from 'commander';
import type { App } from '../src/app.ts';
import { unsupported } from '../src/capabilities.ts';
import { KeysError, toKeysError } from '../src/errors.ts';
import type { IssuedKey } from '../src/keys.ts';
import { Secret } from '../src/secret.ts';
import { shellArgument } from '../src/text.ts';
import { oneKey, requireAnswer } from './choose.ts';
import { addDestinationOptions, type Delivery, type DeliveryOptions, withDelivery } from './delivery.ts';
import { called } from './key-noun.ts';
import { addExamples, keyArgument } from './options.ts';

interface Options extends Pick<DeliveryOptions, 'to' | 'force'> {
  withPassword?: boolean;
}

export function declare(command: Command, app: App): void {
  addDestinationOptions(command)
    .addArgument(keyArgument('[key]'))
    .addOption(new Option('--with-password', 'read your password from standard input'))
    .action((ref: string | undefined, options: Options) => reveal(app, ref, options));
  addExamples(command, [
    'keys reveal ci-deploy',
    'keys reveal ci-deploy --with-password --to file:ci.secret < password',
  ]);
}

export async function reveal(app: App, ref: string | undefined, options: Options): Promise<void> {
  const service = await app.keys('reveal');
  await withDelivery(app, options, async (delivery) => {
    const key = await oneKey(app, service, ref, 'Show the secret of which key?');
    if (key.recoverable === false) {
      throw new KeysError(
        'unsupported',
        `${called(key)} was not created recoverable: its secret is not kept`,
        {
          hint: `for a new secret: keys rotate ${shellArgument(key.id)}`,
        },
      );
    }
    await delivery.rehearse(key);
    const password = await readPassword(app, options);
    if (!service.reveal) throw unsupported(service.capabilities, 'reveal');
    await show(delivery, await service.reveal(key.id, password));
    const elsewhere = delivery.specs.filter((spec) => spec !== 'stdout');
    if (elsewhere.length > 0) await app.note(`the secret of ${called(key)} is at ${elsewhere.join(', ')}`);
  });
}

async function show(delivery: Delivery, issued: IssuedKey): Promise<void> {
  delivery.minted(issued);
  for (const destination of delivery.destinations) {
    try {
      await destination.deliver(issued.secret);
    } catch (error) {
      const { code, message } = toKeysError(error);
      throw new KeysError(code, message, {
        cause: error,
        hint: 'nothing has changed; it can be shown again',
      });
    }
  }
  if (!delivery.specs.includes('stdout')) await delivery.report(issued.key);
}

async function readPassword(app: App, { withPassword }: Options): Promise<Secret> {
  if (withPassword) {
    const text = (await app.io.stdin.readAll(65_536)).replace(/\r?\n$/, '');
    if (text !== '') return app.redactor.know(new Secret(text));
    throw new KeysError('invalid', 'there is no password on standard input');
  }
  requireAnswer(app, 'this takes your password', 'pipe it in: keys reveal <key> --with-password < file');
  return app.redactor.know(await app.prompt.password('Your password'));
}
