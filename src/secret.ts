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

/** Knows the secrets of this run and takes them out of any text by value, also where a URL, JSON or base64 has encoded them. */
export class Redactor {
  readonly #texts = new Set<string>();

  know(secret: Secret): Secret {
    for (const text of formsOf(secret.reveal())) this.#texts.add(text);
    return secret;
  }

  redact(text: string): string {
    let result = text;
    // One that begins with another would keep its end.
    const longestFirst = [...this.#texts].sort((a, b) => b.length - a.length);
    for (const known of longestFirst) result = result.replaceAll(known, '[secret]');
    return result;
  }
}

/** Shorter texts look in base64 like words. */
const shortestBytes = 8;

function formsOf(text: string): string[] {
  const bytes = Buffer.from(text);
  const forms = [text, encodeURIComponent(text.toWellFormed()), JSON.stringify(text).slice(1, -1)];
  if (bytes.length >= shortestBytes) {
    // Without the last bytes: how those are written depends on what follows.
    const whole = bytes.subarray(0, bytes.length - (bytes.length % 3));
    forms.push(whole.toString('base64'), whole.toString('base64url'));
  }
  return forms.filter((form) => form !== '');
}
