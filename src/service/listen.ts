/** Where a server listens: `127.0.0.1:8787`, `[::1]:8787`, `8787`. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { codeOf, KeysError } from '../errors.ts';

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** Throws `invalid`. */
export function listenAddress(text: string): ListenAddress {
  const match = /^(?:(\[[0-9a-f:.]+\]|[a-z0-9.-]+):)?(\d{1,5})$/i.exec(text);
  const port = Number(match?.[2]);
  if (!match || port > 65_535) {
    throw new KeysError('invalid', `'${text}' is not an address to listen on`, {
      hint: 'write it as host:port, 127.0.0.1:8787 or [::1]:8787',
    });
  }
  return { host: match[1]?.replace(/^\[|\]$/g, '') ?? '127.0.0.1', port };
}

/** Whether only this machine can reach it; a name that is looked up may mean anything. */
export function isLoopbackAddress({ host }: ListenAddress): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host);
}

export function formatAddress({ host, port }: ListenAddress): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** Throws as `listenError`, before a database is made, or brought to a step that who has the port may not know. */
export async function requireFree(address: ListenAddress, option?: string): Promise<void> {
  const probe = createServer();
  try {
    await once(probe.listen(address), 'listening');
  } catch (error) {
    throw listenError(address, error, option);
  }
  await new Promise((closed) => probe.close(closed));
}

/** The system's reasons in our words. */
export function listenError(address: ListenAddress, error: unknown, option = '--listen'): unknown {
  const code = codeOf(error);
  const where = formatAddress(address);
  if (code === 'EADDRINUSE') {
    return new KeysError('unavailable', `cannot listen on ${where}: the port is taken`, {
      cause: error,
      hint: `take another: ${option} ${formatAddress({ ...address, port: 0 })} finds a free one`,
    });
  }
  const reasons: Record<string, string> = {
    EACCES: 'this port needs more rights',
    EADDRNOTAVAIL: 'this machine does not have that address',
    ENOTFOUND: 'there is no such host',
    EAI_AGAIN: 'the host cannot be looked up',
  };
  const reason = reasons[code];
  if (!reason) return error;
  return new KeysError('invalid', `cannot listen on ${where}: ${reason}`, {
    cause: error,
    hint: `${option} 127.0.0.1:8787`,
  });
}
