/** A D-Bus session with a real gnome-keyring that is unlocked, locked or not there. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

export type Keyring = 'unlocked' | 'locked' | 'none';

const password = 'the password of the login keyring';
const starting: Record<Keyring, string> = {
  unlocked: `printf '%s' '${password}' | gnome-keyring-daemon --unlock --components=secrets >/dev/null`,
  locked: 'gnome-keyring-daemon --start --components=secrets >/dev/null',
  none: 'true',
};

/** Prints the process id of the daemon, or an empty line. */
const daemonPid = `dbus-send --session --print-reply=literal --dest=org.freedesktop.DBus / \\
  org.freedesktop.DBus.GetConnectionUnixProcessID string:org.freedesktop.secrets 2>/dev/null \\
  | awk '{ print $2; found = 1 } END { if (!found) print "" }'`;

export interface Desktop {
  /** For `DBUS_SESSION_BUS_ADDRESS`. */
  readonly address: string;
  end(): Promise<void>;
}

/** `env` has a HOME and an XDG_RUNTIME_DIR of its own; `bus` is the configuration of another D-Bus than the usual one. */
export async function startDesktop(
  env: Readonly<Record<string, string | undefined>>,
  keyring: Keyring,
  bus?: string,
): Promise<Desktop> {
  const script = `${starting[keyring]}; echo "$DBUS_SESSION_BUS_ADDRESS"; ${daemonPid}; exec cat`;
  const argv = [...(bus ? ['--config-file', bus] : []), '--', 'sh', '-c', script];
  const session = spawn('dbus-run-session', argv, { env, stdio: ['pipe', 'pipe', 'ignore'] });
  const ended = once(session, 'exit');
  const lines = createInterface(session.stdout)[Symbol.asyncIterator]();
  const address = (await lines.next()).value as string;
  const pid = Number((await lines.next()).value);
  let over = false;
  return {
    address,
    async end() {
      if (over) return;
      over = true;
      // Once in a while the daemon does not notice that its bus has gone.
      if (pid > 0) process.kill(pid, 'SIGKILL');
      session.stdin.end();
      await ended;
    },
  };
}
