/** How a key that has a new secret is printed: as JSON with the secret in it, or as the bare secret. */
import type { App } from './app.ts';
import { KeysError } from './errors.ts';
import type { IssuedKey, Key } from './keys.ts';
import { Secret } from './secret.ts';

export interface Outlet {
  /** Throws `invalid` when what is printed of a key like this one would lack the secret. */
  rehearse(key: Key, more?: object): Promise<void>;
  /** Prints a key and its secret. Throws when the secret did not get out whole. */
  print(issued: IssuedKey, more?: object): Promise<void>;
  /** Prints a key whose secret is not to be printed. */
  report(key: Key, more?: object): Promise<void>;
}

/**
 * `destinations` is where the secret goes, as the JSON names them; it is printed when `stdout` is among them.
 * Throws `invalid` when it would be mangled there.
 */
export function openOutlet(app: App, destinations: readonly string[]): Outlet {
  const { printer, options } = app;
  const prints = destinations.includes('stdout');
  // `-q` prints the bare secret whatever KEYS_OUTPUT says; scripts rely on it.
  const bare = !printer.structured || (options.quiet === true && options.outputFromEnvironment === true);
  if (prints && !options.quiet && (printer.format === 'csv' || printer.format === 'name')) {
    throw new KeysError('invalid', `a secret is not printed as -o ${printer.format}`, {
      hint: 'use -o json, or nothing for the bare secret',
    });
  }

  async function complete(json: object, secret: Secret): Promise<boolean> {
    const text = JSON.stringify(await printer.part(json)) ?? '';
    return bare || !prints || text.includes(JSON.stringify(secret.reveal()).slice(1, -1));
  }

  function issuedJson({ key, secret }: IssuedKey, more: object = {}) {
    return { key, secret: secret.reveal(), destinations, ...more };
  }

  return {
    async rehearse(key, more) {
      const secret = new Secret('rehearsed-secret');
      if (await complete(issuedJson({ key, secret }, more), secret)) return;
      throw new KeysError(
        'invalid',
        `--query '${options.query}' leaves out the secret, which is shown only once`,
        {
          hint: "take it along, as in --query '{id: key.id, secret: secret}', or send it elsewhere with --to",
        },
      );
    },
    async print(issued, more) {
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
      if (!bare) await printer.value({ key, secret: null, destinations, ...more }, () => '');
    },
  };
}
