/**
 * A process of its own on a database: arguments are its path, an idempotency key and how often to ask at once for one key
 * under it. Says `ready`, waits for a line, and prints the answers as a JSON array.
 */
import { once } from 'node:events';
import { KeysError } from '../../src/errors.ts';
import { openLocal } from '../../src/service/local.ts';

const [path = '', idempotencyKey = '', times = '1'] = process.argv.slice(2);
const service = await openLocal({ url: `sqlite:${path}`, now: Date.now });
process.stdout.write('ready\n');
await once(process.stdin, 'data');
const answers = await Promise.all(
  Array.from({ length: Number(times) }, () =>
    service.create({ name: 'one' }, { idempotencyKey }).then(
      ({ key, secret }) => JSON.stringify({ key, secret: secret.reveal() }),
      (error: unknown) => (error instanceof KeysError ? error.code : String(error)),
    ),
  ),
);
process.stdout.write(`${JSON.stringify(answers)}\n`);
await service.close();
process.stdin.destroy();
