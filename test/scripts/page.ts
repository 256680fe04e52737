/** The pages of `docs/` as they are typed: their fenced blocks, and a shell that runs them. */
import { readFileSync } from 'node:fs';
import type { Shell } from './shell.ts';

/** All blocks of a language, in order, as one text. `name` is the path below `docs/`. */
export function blocksOf(name: string, language = 'sh'): string {
  const page = readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8');
  const fences = new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, 'gms');
  return [...page.matchAll(fences)].map(([, block]) => block).join('\n');
}

interface Setting {
  readonly env?: Record<string, string>;
  /** What stands in the page → what is true for this run, such as an address whose port is free. */
  readonly instead?: Readonly<Record<string, string>>;
}

/** Runs the `sh` blocks of a page as they stand, in one shell. */
export function runPage(shell: Shell, name: string, { env, instead = {} }: Setting = {}) {
  const script = Object.entries(instead).reduce(
    (text, [written, meant]) => text.replaceAll(written, meant),
    blocksOf(name),
  );
  return shell.run(script, env);
}
