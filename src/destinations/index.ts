/** Where a secret is delivered (`--to`). A new destination is a file here and a line in `kinds`. */
import type { App } from '../app.ts';
import { KeysError } from '../errors.ts';
import type { Secret } from '../secret.ts';

export interface Destination {
  /** As the user wrote it, but with paths made absolute, so that it names the same place in the journal and from any directory. */
  readonly spec: string;
  /** False where the place cannot be read: `readBack` then gives `null`. */
  readonly readable: boolean;
  /** Set where nobody can tell whether what was delivered has been read: a pipe, a terminal. */
  readonly unproven?: boolean;
  /**
   * Makes sure, before anything is minted, that a delivery will work, and prepares room for it. Changes nothing at the target.
   * Throws `invalid`, `conflict`, `forbidden`, `unauthenticated`, `not_found`, `unavailable` and the like.
   */
  preflight(): Promise<void>;
  /** Puts the secret there, durably. Doing it again with the same secret is harmless. Throws `undelivered`: whatever went wrong, the cause is in `cause`. */
  deliver(secret: Secret): Promise<void>;
  /** The secret as a consumer would read it there; `null` when there is none. Throws when the place cannot be reached. */
  readBack(): Promise<Secret | null>;
  /** Removes what `preflight` prepared. Safe to call at any time, and after a delivery. Never throws. */
  abandon(): Promise<void>;
}

/** What a destination is made with. */
export interface DestinationContext
  extends Pick<App, 'io' | 'env' | 'signal' | 'redactor' | 'paths' | 'note'> {
  /** `--force`: a file that is there may be replaced. */
  readonly force?: boolean;
  /** Whether `--to` was written; a secret is not printed in CI unless it was. */
  readonly explicit?: boolean;
  /** An earlier attempt may have delivered here already (`keys recover`): what is there is not refused before the secret can be compared. */
  readonly resuming?: boolean;
  /** Milliseconds that a remote place may take in all; 30 seconds when absent. */
  readonly timeoutMs?: number;
  /** Told of every request and answer, without secrets (`--debug`). */
  readonly trace?: (line: string) => void;
  /** How the command prints the secret when standard output is its destination; the secret and a newline when absent. */
  readonly print?: (secret: Secret) => Promise<void>;
}

export interface DestinationKind {
  readonly name: string;
  /** How it is written: `file:PATH`. */
  readonly syntax: string;
  /** One line for a list. */
  readonly summary: string;
  /** A command line that can be typed. */
  readonly example: string;
  /** What a user has to know beyond that, in plain sentences. */
  readonly detail: string;
  readonly readable: boolean;
  /** `target` is what stands after the colon. Throws `invalid`. */
  open(target: string, context: DestinationContext): Destination;
}

const kinds = {
  stdout: async () => (await import('./stdout.ts')).stdout,
  file: async () => (await import('./file.ts')).file,
  'env-file': async () => (await import('./env-file.ts')).envFile,
  keychain: async () => (await import('./keychain.ts')).keychain,
  clipboard: async () => (await import('./clipboard.ts')).clipboard,
  exec: async () => (await import('./exec.ts')).exec,
  'github-output': async () => (await import('./github-output.ts')).githubOutput,
  'github-secret': async () => (await import('./github-secret.ts')).githubSecret,
  'gitlab-variable': async () => (await import('./gitlab-variable.ts')).gitlabVariable,
  kubernetes: async () => (await import('./kubernetes.ts')).kubernetes,
  vault: async () => (await import('./vault.ts')).vault,
} as const satisfies Record<string, () => Promise<DestinationKind>>;

export type DestinationName = keyof typeof kinds;

/** What can stand before the colon. */
export const destinationNames = Object.keys(kinds) as readonly DestinationName[];

/** All of them, described, in the order of the help. */
export async function destinationKinds(): Promise<DestinationKind[]> {
  return Promise.all(destinationNames.map((name) => kinds[name]()));
}

/** Splits `kind:target`. Throws `invalid`, naming the kinds there are. */
export function parseDestination(spec: string): { name: DestinationName; target: string } {
  const colon = spec.indexOf(':');
  const name = colon < 0 ? spec : spec.slice(0, colon);
  if (isDestinationName(name)) return { name, target: colon < 0 ? '' : spec.slice(colon + 1) };
  const looksLikePath = /^[./~]|^[A-Za-z]:\\/.test(spec);
  throw new KeysError('invalid', `there is no destination '${spec}'`, {
    hint: looksLikePath
      ? `did you mean --to file:${spec}?`
      : `destinations: ${destinationNames.join(', ')}; keys help destinations explains them`,
  });
}

function isDestinationName(name: string): name is DestinationName {
  return Object.hasOwn(kinds, name);
}

/** The destination that a `--to` names. Throws `invalid` when its target is not written as its kind wants it. */
export async function openDestination(spec: string, context: DestinationContext): Promise<Destination> {
  const { name, target } = parseDestination(spec);
  const kind = await kinds[name]();
  return kind.open(target, context);
}
