/** What a destination is made with, on streams that collect. */
import { join } from 'node:path';
import type { DestinationContext } from '../../src/destinations/index.ts';
import { Redactor } from '../../src/secret.ts';
import { collectingSink } from '../run.ts';
import { temporaryDirectory } from './temporary.ts';

export interface TestContext extends DestinationContext {
  stdoutText(): string;
  stderrText(): string;
}

export function destinationContext(parts: Partial<DestinationContext> = {}): TestContext {
  const stdout = collectingSink();
  const stderr = collectingSink();
  const state = temporaryDirectory();
  const paths = { config: join(state, 'config'), data: join(state, 'data'), state };
  return {
    io: { stdin: { isTerminal: false, readAll: async () => '' }, stdout, stderr, columns: 80 },
    env: { PATH: process.env.PATH },
    signal: new AbortController().signal,
    redactor: new Redactor(),
    paths,
    note: async (text) => stderr.write(`${text}\n`),
    stdoutText: () => stdout.text(),
    stderrText: () => stderr.text(),
    ...parts,
  };
}
