/** The way of a new secret to standard output: looked at before anything is minted, and written with a checked write. */
import type { App } from './app.ts';
import { KeysError, toKeysError } from './errors.ts';
import { WriteError } from './io.ts';
import type { IssuedKey, Key } from './keys.ts';
import { Secret } from './secret.ts';

export interface Outlet {
  /** Throws `invalid` when what is printed of a key like this one would lack the secret. */
  rehearse(key: Key, more?: object): Promise<void>;
  /** Prints a new key and its secret. Throws when the secret did not get out whole. */
  deliver(issued: IssuedKey, more?: object): Promise<void>;
  /** Prints a key that has no new secret to show. */
  report(key: Key, more?: object): Promise<void>;
}

/**
 * Standard output as the place for a secret; `discard` says that the secret is not wanted. Throws `invalid` when a
 * secret printed there would be lost or mangled.
 */
export function openOutlet(app: App, discard = false): Outlet {
  const { printer, options } = app;
  // `-q` prints the bare secret whatever KEYS_OUTPUT says; scripts rely on it.
  const bare = !printer.structured || (options.quiet === true && options.outputFromEnvironment === true);
  if (!discard && app.io.stdout.isNull) {
    throw new KeysError('invalid', 'the secret would be lost: standard output is closed or /dev/null', {
      hint: 'send it to a file or a pipe, or add --discard when the secret is not wanted',
    });
  }
  if (!options.quiet && (printer.format === 'csv' || printer.format === 'name')) {
    throw new KeysError('invalid', `a secret is not printed as -o ${printer.format}`, {
      hint: 'use -o json, or nothing for the bare secret',
    });
  }

  async function complete(json: object, secret: Secret): Promise<boolean> {
    const text = JSON.stringify(await printer.part(json)) ?? '';
    return bare || discard || text.includes(JSON.stringify(secret.reveal()).slice(1, -1));
  }

  return {
    async rehearse(key, more) {
      const secret = new Secret('rehearsed-secret');
      if (await complete(issuedJson({ key, secret }, more), secret)) return;
      throw new KeysError(
        'invalid',
        `--query '${options.query}' leaves out the secret, which is shown only once`,
        {
          hint: "take it along, as in --query '{id: key.id, secret: secret}', or add --discard",
        },
      );
    },
    async deliver(issued, more) {
      if (discard) return this.report(issued.key, more);
      const text = app.redactor.know(issued.secret).reveal();
      if (!/^[\x21-\x7e]+$/.test(text)) {
        throw new KeysError('bad_response', 'the secret that the service gave is not printable text');
      }
      if (bare) return printer.text(`${text}\n`);
      const json = issuedJson(issued, more);
      if (!(await complete(json, issued.secret))) {
        throw new KeysError('invalid', `--query '${options.query}' left out the secret`);
      }
      return printer.value(json, () => '');
    },
    async report(key, more) {
      if (!bare) await printer.value({ key, secret: null, destinations: [], ...more }, () => '');
    },
  };
}

function issuedJson({ key, secret }: IssuedKey, more: object = {}) {
  return { key, secret: secret.reveal(), destinations: ['stdout'], ...more };
}

/** Why a secret did not get out, in words that continue a sentence. */
export function deliveryFailure(error: unknown): string {
  return error instanceof WriteError ? error.message : toKeysError(error).message;
}
