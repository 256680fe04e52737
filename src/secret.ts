import { inspect } from 'node:util';

/**
 * A secret: the string that authenticates. Printing, logging, interpolating or serialising it shows a placeholder;
 * the one way to the text is `reveal()`, so that every place where a secret leaves can be found by that word.
 */
export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  [inspect.custom](): string {
    return '[secret]';
  }
}

/** Knows the secrets of this run and takes them out of any text by value, also where a URL has encoded them. */
export class Redactor {
  readonly #texts = new Set<string>();

  know(secret: Secret): Secret {
    const text = secret.reveal();
    if (text !== '')
      this.#texts.add(text).add(encodeURIComponent(text)).add(JSON.stringify(text).slice(1, -1));
    return secret;
  }

  redact(text: string): string {
    let result = text;
    for (const known of this.#texts) result = result.replaceAll(known, '[secret]');
    return result;
  }
}
