/** The pages of `docs/` as they are typed: their fenced blocks, and a shell that runs them. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Shell } from './shell.ts';

/** `name` is the path below `docs/`. */
function pageText(name: string): string {
  return readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8');
}

function blocksIn(text: string, language: string): string[] {
  const fences = new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, 'gms');
  return [...text.matchAll(fences)].map(([, block = '']) => block);
}

/** All blocks of a language, in order, as one text; of one section, when it is named. */
export function blocksOf(name: string, language = 'sh', section?: string): string {
  return blocksIn(section ? sectionOf(name, section) : pageText(name), language).join('\n');
}

function sectionOf(name: string, heading: string): string {
  const section = pageText(name)
    .split(/^(?=## )/m)
    .find((part) => part.startsWith(`## ${heading}\n`));
  if (section === undefined) throw new Error(`docs/${name} has no section ${heading}`);
  return section;
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

interface SessionSetting {
  readonly env: Record<string, string>;
  /** Files that the page takes to be there, by name. */
  readonly files: Readonly<Record<string, string>>;
  /** The heading under which the session stands; the whole page when absent. */
  readonly section?: string;
}

/**
 * Runs a page whose last `sh` block is a session: what that one writes, and what the `text` block after it shows. The blocks
 * before it have to succeed.
 */
export async function runSession(shell: Shell, name: string, { env, files, section }: SessionSetting) {
  const text = section ? sectionOf(name, section) : pageText(name);
  const blocks = blocksIn(text, 'sh');
  const session = blocks.pop() ?? '';
  const [shown] = blocksIn(text.slice(text.indexOf(session) + session.length), 'text');
  const passphrase = join(shell.path, 'passphrase');
  const all = { passphrase: 'a long enough passphrase', ...files };
  for (const [file, content] of Object.entries(all)) writeFileSync(join(shell.path, file), content);
  const before = { ...env, KEYS_PASSPHRASE_FILE: passphrase };
  const ready = await shell.run(`set -e\n${blocks.join('\n')}`, before);
  if (ready.code !== 0) throw new Error(`docs/${name}: ${ready.stderr}`);
  const { stdout } = await shell.run(`exec 2>&1\n${session}`, before);
  // Where and when it was run is the one thing that differs.
  const written = stdout
    .replaceAll(shell.path, '/home/you')
    .replaceAll(/expires \d{4}-\d\d-\d\d/g, 'expires 2027-01-31');
  return { written, shown };
}
