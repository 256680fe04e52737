import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { pino } from 'pino';
import type { App } from '../src/app.ts';
import { KeysError } from '../src/errors.ts';
import type { Secret } from '../src/secret.ts';
import { chosenSecret } from '../src/service/first-admin.ts';
import { formatAddress, type ListenAddress, listenAddress, listenError } from '../src/service/listen.ts';
import { openStore, refusePassword } from '../src/service/open-store.ts';
import { defaultPrefix, mintSecret, secretPrefix } from '../src/service/secret-format.ts';
import { createServer, type Server } from '../src/service/server.ts';
import { createService, type Service } from '../src/service/service.ts';
import { addExamples, completes, parsed, wholeNumber } from './options.ts';

interface Options {
  listen: ListenAddress;
  database?: string;
  quota?: number;
  secretPrefix: string;
  adminSecretFile?: string;
}

/** How long requests may take to finish once the service is told to stop. */
const stopMs = 10_000;

export function declare(command: Command, app: App): void {
  command
    .addOption(
      new Option('--listen <address>', 'where to listen; port 0 takes a free one')
        .argParser(parsed(listenAddress))
        .default(listenAddress('127.0.0.1:8787'), '127.0.0.1:8787'),
    )
    .addOption(
      completes(
        'files',
        new Option('--database <path|url>', 'a path, or a sqlite: or postgres: URL').argParser(
          parsed(refusePassword),
        ),
      ),
    )
    .option('--quota <n>', 'active keys that a namespace may have', wholeNumber)
    .addOption(
      new Option('--secret-prefix <prefix>', 'how new secrets begin')
        .argParser(parsed(secretPrefix))
        .default(defaultPrefix),
    )
    .addOption(
      completes(
        'files',
        new Option(
          '--admin-secret-file <file>',
          "holds the first administrator's secret; otherwise one is made",
        ),
      ),
    )
    .action((options: Options) => serve(app, options));
  addExamples(command, ['keys serve', 'keys serve --listen 127.0.0.1:8080 --database /var/lib/keys/keys.db']);
}

export async function serve(app: App, options: Options): Promise<void> {
  const { database, quota, secretPrefix: prefix } = options;
  const settings = { quota, secretPrefix: prefix };
  const service = createService({
    store: await openStore(database ?? join(app.paths.data, 'service.db')),
    now: app.now,
    settings,
  });
  try {
    await run(app, service, options);
  } finally {
    await service.close();
  }
}

async function run(app: App, service: Service, options: Options): Promise<void> {
  // Quiet until all is ready; the web framework would announce itself before.
  const logger = pino(
    {
      level: 'warn',
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (level) => ({ level }) },
    },
    { write: (line: string) => void app.io.stderr.write(app.redactor.redact(line)).catch(() => {}) },
  );
  const server = createServer({ service, logger });
  try {
    const url = await listen(server, options.listen);
    if (!(await service.hasAdmin())) await createAdmin(app, service, options, url);
    logger.level = 'info';
    logger.info({ url }, 'listening');
    if (!app.signal.aborted) await once(app.signal, 'abort');
    logger.info('stopping');
  } finally {
    const late = setTimeout(() => server.server.closeAllConnections(), stopMs);
    await server.close();
    clearTimeout(late);
  }
}

async function listen(server: Server, address: ListenAddress): Promise<string> {
  try {
    await server.listen(address);
  } catch (error) {
    throw listenError(address, error);
  }
  const { port } = server.server.address() as AddressInfo;
  return `http://${formatAddress({ ...address, port })}`;
}

/** A secret is alive only when it has been written: were it the other way round, a failure would leave a key nobody holds. */
async function createAdmin(app: App, service: Service, options: Options, url: string): Promise<void> {
  const { adminSecretFile } = options;
  const secret = adminSecretFile === undefined ? mintSecret(options.secretPrefix) : await chosen(options);
  app.redactor.know(secret);
  if (adminSecretFile === undefined) await deliver(app, secret);
  await service.createAdmin(secret);
  await app.note(
    adminSecretFile === undefined
      ? "Above is the administrator's secret. It is shown this once."
      : `The administrator's secret is the one in ${adminSecretFile}.`,
  );
  await app.note(`Log in with it: keys auth login --url ${url}`);
}

async function deliver(app: App, secret: Secret): Promise<void> {
  if (app.io.stdout.isNull) {
    throw new KeysError(
      'undelivered',
      "the administrator's secret would vanish: standard output is /dev/null",
      {
        hint: 'choose the secret yourself: --admin-secret-file <file>',
      },
    );
  }
  try {
    await app.io.stdout.write(`${secret.reveal()}\n`);
  } catch (cause) {
    throw new KeysError('undelivered', "the administrator's secret could not be written; no key was made", {
      cause,
      hint: 'start again, or choose the secret yourself: --admin-secret-file <file>',
    });
  }
}

async function chosen({ adminSecretFile = '', secretPrefix: prefix }: Options): Promise<Secret> {
  const content = await readFile(adminSecretFile, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new KeysError('invalid', `cannot read ${adminSecretFile}: ${cause.code ?? cause.message}`, {
      cause,
    });
  });
  return chosenSecret(content, prefix);
}
