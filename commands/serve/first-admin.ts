/** The first start: a service that nobody can administer gets an administrator's key. */
import { readFile } from 'node:fs/promises';
import type { App } from '../../src/app.ts';
import { KeysError } from '../../src/errors.ts';
import type { Secret } from '../../src/secret.ts';
import type { Configuration } from '../../src/service/configuration.ts';
import { chosenSecret } from '../../src/service/first-admin.ts';
import { mintSecret } from '../../src/service/secret-format.ts';
import type { Service } from '../../src/service/service.ts';

/**
 * A secret is alive only when it has been written: were it the other way round, a failure would leave a key nobody holds. Of
 * instances that start at the same time, one makes the key.
 */
export async function createAdmin(
  app: App,
  service: Service,
  { adminSecretFile, secretPrefix }: Configuration,
  url: string,
): Promise<void> {
  const secret =
    adminSecretFile === undefined ? mintSecret(secretPrefix) : await chosen(adminSecretFile, secretPrefix);
  app.redactor.know(secret);
  if (adminSecretFile === undefined) await deliver(app, secret);
  try {
    await service.createAdmin(secret);
  } catch (error) {
    if (!(await service.hasAdmin())) throw error;
    const useless = adminSecretFile === undefined ? ' The secret above is good for nothing.' : '';
    return app.note(`Another instance has made the administrator's key meanwhile.${useless}`);
  }
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
      { hint: 'choose the secret yourself: --admin-secret-file <file>' },
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

async function chosen(file: string, prefix: string): Promise<Secret> {
  const content = await readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new KeysError('invalid', `cannot read ${file}: ${cause.code ?? cause.message}`, { cause });
  });
  return chosenSecret(content, prefix);
}
