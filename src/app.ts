/** The context of a run: built once in `commands/start.ts`, faked once in `test/run.ts`; its costly parts are made when first asked for. */
import { requireVerb } from './capabilities.ts';
import type { Profile } from './config.ts';
import { type Env, variable } from './env.ts';
import type { Io } from './io.ts';
import type { KeyService, Verb } from './keys.ts';
import { createPrinter, type OutputFormat, type Printer } from './output.ts';
import { type Paths, pathsFrom } from './paths.ts';
import { type Prompt, terminalPrompt } from './prompt.ts';
import { Redactor } from './secret.ts';
import { terminalSafe } from './text.ts';

/** Options that mean the same for every command. */
export interface GlobalOptions {
  readonly profile?: string;
  readonly namespace?: string;
  readonly output?: OutputFormat;
  /** True when `output` is what `KEYS_OUTPUT` says, and no option. */
  readonly outputFromEnvironment?: boolean;
  readonly json?: boolean;
  readonly query?: string;
  readonly quiet?: boolean;
  readonly yes?: boolean;
  /** False for `--no-input`. */
  readonly input?: boolean;
  /** Milliseconds that a command may wait for a service. */
  readonly timeout?: number;
  readonly debug?: boolean;
  /** False for `--no-color`. */
  readonly color?: boolean;
  readonly insecureHttp?: boolean;
}

export interface App {
  readonly io: Io;
  readonly env: Env;
  readonly now: () => number;
  /** Aborted by the first SIGINT, SIGTERM or SIGHUP, with the KeysError to end with. */
  readonly signal: AbortSignal;
  /** What SIGHUP does, where it does not end the run. */
  onHangup: (() => void) | null;
  readonly redactor: Redactor;
  readonly paths: Paths;
  /** Set by `main` once the command line is parsed. */
  options: GlobalOptions;
  readonly printer: Printer;
  readonly prompt: Prompt;
  /** Something said to a person, on stderr; silent under `--quiet`. Never fails: what was done stays done. */
  note(text: string): Promise<void>;
  /** The profile in force. Throws `not_found`, `invalid`. */
  profile(): Promise<Profile>;
  /** The namespace in force: `--namespace`, `KEYS_NAMESPACE`, the profile's; `null` leaves it to the service. */
  namespace(): Promise<string | null>;
  /** The profile's service, opened once a run, after asking its capabilities for `verb`. Throws `unsupported`. */
  keys(verb: Verb): Promise<KeyService>;
  /** The same for any profile. */
  open(profile: Profile, verb: Verb): Promise<KeyService>;
  close(): Promise<void>;
}

/** What a run is built from; everything left out is the process's own. */
export interface AppParts {
  readonly io: Io;
  readonly env: Env;
  readonly signal: AbortSignal;
  readonly now?: () => number;
  readonly prompt?: Prompt;
  /** In place of the profile's. */
  readonly service?: KeyService;
}

export function createApp(parts: AppParts): App {
  const { io, env, signal } = parts;
  const now = parts.now ?? Date.now;
  let profile: Promise<Profile> | undefined;
  const services = new Map<string, Promise<KeyService>>();
  const app: App = {
    io,
    env,
    now,
    signal,
    onHangup: null,
    redactor: new Redactor(),
    options: {},
    get paths() {
      return once(app, 'paths', pathsFrom(env));
    },
    get printer() {
      return once(app, 'printer', createPrinter(io, app.options, wantsColor(app), now));
    },
    get prompt() {
      const available = io.stdin.isTerminal && io.stderr.isTerminal && app.options.input !== false;
      return once(
        app,
        'prompt',
        parts.prompt ?? terminalPrompt(available, signal, app.options.color === false),
      );
    },
    async note(text) {
      if (app.options.quiet) return;
      const lines = text.split('\n').map((line) => `${terminalSafe(line)}\n`);
      await io.stderr.write(lines.join('')).catch(() => {});
    },
    profile() {
      profile ??= import('./resolve-profile.ts').then(({ resolveProfile }) => resolveProfile(app));
      return profile;
    },
    async namespace() {
      return app.options.namespace ?? variable(env, 'KEYS_NAMESPACE') ?? (await app.profile()).namespace;
    },
    async keys(verb) {
      if (!parts.service) return app.open(await app.profile(), verb);
      requireVerb(parts.service.capabilities, verb);
      return parts.service;
    },
    async open(wanted, verb) {
      const { capabilitiesOf, openService } = await import('./open.ts');
      requireVerb(await capabilitiesOf(wanted), verb);
      const service = services.get(wanted.name) ?? openService(app, wanted, verb);
      services.set(wanted.name, service);
      return service;
    },
    async close() {
      for (const service of services.values()) await service.then((opened) => opened.close()).catch(() => {});
    },
  };
  return app;
}

/** Replaces a getter by its first value. */
function once<K extends keyof App>(app: App, field: K, value: App[K]): App[K] {
  Object.defineProperty(app, field, { value });
  return value;
}

function wantsColor({ io, env, options }: App): boolean {
  if (options.color === false || env.NO_COLOR) return false;
  if (env.FORCE_COLOR !== undefined) return env.FORCE_COLOR !== '0' && env.FORCE_COLOR !== 'false';
  return io.stdout.isTerminal && env.TERM !== 'dumb';
}
