import type { Env } from '../env.ts';
import { KeysError } from '../errors.ts';
import { failing, invalidTarget } from './failure.ts';
import type { DestinationKind } from './index.ts';
import { findProgram, giveSecret } from './program.ts';

const deadlineMs = 10_000;

export const clipboard: DestinationKind = {
  name: 'clipboard',
  syntax: 'clipboard',
  summary: 'the clipboard, to be pasted once',
  example: 'keys create laptop --to clipboard',
  detail:
    'Uses pbcopy on macOS, wl-copy on Wayland, xclip or xsel on X11, and clip.exe on Windows and WSL. Every program on the desktop can read ' +
    'the clipboard, and clipboard managers keep what was in it: paste the secret where it belongs, then copy something else.',
  readable: false,
  open(target, { io, env, signal, redactor, note }) {
    if (target !== '') throw invalidTarget(clipboard, `clipboard takes no target, and there is '${target}'`);
    return {
      spec: 'clipboard',
      readable: false,
      async preflight() {
        await copierOf(env);
      },
      async deliver(secret) {
        await failing('the clipboard', async () => {
          const argv = await copierOf(env);
          await giveSecret(argv, secret, { io, env, signal, redactor, deadlineMs, showOutput: false });
          await note('The secret is in the clipboard: paste it, then copy something else.');
        });
      },
      readBack: async () => null,
      abandon: async () => {},
    };
  },
};

/** The program that fills the clipboard of this desktop, with its words. Throws `unavailable`. */
async function copierOf(env: Env): Promise<string[]> {
  const copiers: readonly (readonly string[])[] = [
    ...(process.platform === 'darwin' ? [['pbcopy']] : []),
    ...(env.WAYLAND_DISPLAY ? [['wl-copy', '--type', 'text/plain']] : []),
    ...(env.DISPLAY
      ? [
          ['xclip', '-selection', 'clipboard', '-in'],
          ['xsel', '--clipboard', '--input'],
        ]
      : []),
    ...(process.platform === 'win32' || env.WSL_DISTRO_NAME ? [['clip.exe']] : []),
  ];
  for (const [word = '', ...words] of copiers) {
    const program = await findProgram(word, env);
    if (program) return [program, ...words];
  }
  const wanted = copiers.map(([word]) => word).join(' or ');
  throw new KeysError(
    'unavailable',
    wanted
      ? `nothing here can fill the clipboard: there is no ${wanted}`
      : 'there is no desktop here, and so no clipboard',
    {
      hint: wanted
        ? `install ${wanted}, or use another --to`
        : 'use another --to; keys help destinations lists them',
    },
  );
}
