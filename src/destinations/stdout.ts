import { KeysError } from '../errors.ts';
import { failing, invalidTarget } from './failure.ts';
import type { DestinationKind } from './index.ts';

export const stdout: DestinationKind = {
  name: 'stdout',
  syntax: 'stdout',
  summary: 'print it (the default)',
  example: 'keys create ci-deploy -q --to stdout | consumer',
  detail:
    'The secret is part of the result on standard output, written with a checked write: a full disk or a closed pipe is an error, ' +
    'and the secret can be had again with keys recover. In CI (CI=true) a secret is printed only when --to stdout says so, because ' +
    'logs are kept. A standard output that is closed or /dev/null is refused before anything is minted, unless --discard is given.',
  readable: false,
  open(target, { io, env, explicit, print }) {
    if (target !== '') throw invalidTarget(stdout, `stdout takes no target, and there is '${target}'`);
    return {
      spec: 'stdout',
      readable: false,
      unproven: io.stdout.sync === undefined,
      async preflight() {
        if (io.stdout.isNull) {
          throw new KeysError('invalid', 'standard output is closed or /dev/null: the secret would be lost', {
            hint: 'give --to a destination, or --discard to throw the secret away',
          });
        }
        if (!explicit && (env.CI === 'true' || env.CI === '1')) {
          throw new KeysError('invalid', 'this is CI, where what is printed is kept in a log', {
            hint: 'keys help destinations lists where it can go; --to stdout prints it all the same',
          });
        }
      },
      async deliver(secret) {
        await failing('standard output', async () => {
          if (print) await print(secret);
          else await io.stdout.write(`${secret.reveal()}\n`);
          await io.stdout.sync?.();
        });
      },
      readBack: async () => null,
      abandon: async () => {},
    };
  },
};
