/** The built command on a live service: every verb that the service has, as a user types it, with `-o json`. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import type { Capabilities, Key, Verb } from '../../src/keys.ts';
import { newShell } from '../scripts/shell.ts';

export interface LiveSubject {
  readonly capabilities: Capabilities;
  /** What follows the name in `keys profile add`. */
  profile(): string;
  /** The administrator's credential. */
  token(): Promise<string>;
  /** What a create needs besides a name. */
  readonly create?: string;
  /** What an edit changes, and the fields it then shows. */
  readonly edit?: { readonly words: string; readonly shows: Partial<Key> };
  /** Whether the service lets the secret of this key in: asked of the service itself, not through a driver. */
  accepts(issued: Issued): Promise<boolean>;
  /** How long a secret may go on after its end. */
  readonly lingersMs?: number;
  /** The error of a second key of the same name; absent where names may repeat, or where there are none. */
  readonly uniqueNames?: boolean;
  /** Whether keys have names at all. */
  readonly nameless?: boolean;
}

export interface Issued {
  key: Key;
  secret: string;
}

interface Told {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export function commandLine(name: string, subject: LiveSubject): void {
  const { capabilities, create = '', lingersMs = 0 } = subject;
  const can = (...verbs: Verb[]) => verbs.every((verb) => capabilities.verbs.includes(verb));

  async function newUser() {
    const shell = newShell();
    const token = await subject.token();
    const file = join(shell.path, 'credential');
    writeFileSync(file, token, { mode: 0o600 });
    const env = { KEYS_PROFILE: 'live', KEYS_TOKEN_FILE: file };
    const added = await shell.run(`keys profile add live ${subject.profile()}`, env);
    if (added.code !== 0) throw new Error(added.stderr);
    const keys = (line: string): Promise<Told> => shell.run(`keys --timeout 2m ${line}`, env);
    async function json<T>(line: string): Promise<T> {
      const { code, stdout, stderr } = await keys(`${line} -o json`);
      if (code !== 0) throw new Error(`keys ${line} exited ${code}: ${stderr}`);
      return JSON.parse(stdout) as T;
    }
    return { shell, env, token, keys, json };
  }

  async function dies(issued: Issued): Promise<void> {
    const options = { timeout: lingersMs + 3_000, interval: 200 };
    await vi.waitFor(async () => expect(await subject.accepts(issued)).toBe(false), options);
  }

  const named = (issued: Issued) => (subject.nameless ? issued.key.id : issued.key.name);
  let turn = 0;
  /** Not with a number at the end, which a rotation counts on. */
  const fresh = () => `live-${++turn}-key`;

  describe(`${name}: the command line`, () => {
    test('create gives a secret that works; list and show give the same key, and no secret', async () => {
      const { json, keys, token } = await newUser();
      const issued = await json<Issued>(`create ${fresh()} ${create}`);
      expect(await subject.accepts(issued)).toBe(true);
      const listed = await json<Key[]>('list');
      expect(listed.filter(({ id }) => id === issued.key.id)).toHaveLength(1);
      if (can('get')) expect(await json<Key>(`show ${issued.key.id}`)).toMatchObject({ id: issued.key.id });
      for (const output of ['table', 'json', 'yaml', 'csv', 'ndjson']) {
        const { stdout, stderr } = await keys(`list -o ${output} --debug`);
        expect(stdout + stderr).not.toContain(issued.secret);
        expect(stdout + stderr).not.toContain(token);
      }
    });

    test.runIf(subject.uniqueNames)('create with a name that is taken exits 5', async () => {
      const { json, keys } = await newUser();
      const { key } = await json<Issued>(`create ${fresh()} ${create}`);
      expect(await keys(`create ${key.name} ${create}`)).toMatchObject({ code: 5, stdout: '' });
    });

    test.runIf(can('edit') && subject.edit)('edit changes the key and not its secret', async () => {
      const { json, keys } = await newUser();
      const issued = await json<Issued>(`create ${fresh()} ${create}`);
      const { words = '', shows } = subject.edit ?? {};
      const { code, stdout, stderr } = await keys(`edit ${named(issued)} ${words} -o json --debug`);
      expect({ code, key: JSON.parse(stdout) }).toMatchObject({
        code: 0,
        key: { id: issued.key.id, ...shows },
      });
      expect(stdout + stderr).not.toContain(issued.secret);
      expect(await subject.accepts(issued)).toBe(true);
    });

    test.runIf(can('disable', 'enable'))('disable shuts the secret out, enable lets it in', async () => {
      const { json } = await newUser();
      const issued = await json<Issued>(`create ${fresh()} ${create}`);
      await json(`disable ${named(issued)}`);
      await dies(issued);
      expect((await json<Key>(`show ${issued.key.id}`)).status).toBe('disabled');
      await json(`enable ${named(issued)}`);
      expect(await subject.accepts(issued)).toBe(true);
    });

    test.runIf(can('regenerate'))(
      'regenerate gives the key a secret that works, and ends the old one',
      async () => {
        const { json } = await newUser();
        const before = await json<Issued>(`create ${fresh()} ${create}`);
        const after = await json<Issued>(`regenerate ${named(before)} --yes`);
        expect(after.key.id).toBe(before.key.id);
        expect(await subject.accepts(after)).toBe(true);
        await dies(before);
      },
    );

    test('rotate gives a secret that works, and ends the old one', async () => {
      const { json } = await newUser();
      const before = await json<Issued>(`create ${fresh()} ${create}`);
      const after = await json<Issued>(`rotate ${named(before)} --yes`);
      expect(await subject.accepts(after)).toBe(true);
      await dies(before);
    });

    test.runIf(can('verify'))('verify tells a good secret from a bad one (exit 9)', async () => {
      const { json, keys } = await newUser();
      const { secret } = await json<Issued>(`create ${fresh()} ${create}`);
      expect(await keys(`verify <<< '${secret}'`)).toMatchObject({ code: 0 });
      expect(await keys(`verify <<< '${[...secret].reverse().join('')}'`)).toMatchObject({ code: 9 });
    });

    test('revoke ends the secret; the key is not found any more (exit 3)', async () => {
      const { json, keys } = await newUser();
      const issued = await json<Issued>(`create ${fresh()} ${create}`);
      const { code, stdout, stderr } = await keys(`revoke ${named(issued)} --yes -o json --debug`);
      expect({ code, results: JSON.parse(stdout) }).toMatchObject({
        code: 0,
        results: [{ id: issued.key.id, ok: true }],
      });
      expect(stderr).not.toContain(issued.secret);
      if (capabilities.revocationDelayMs) expect(stderr).toContain('may let a revoked key work for');
      await dies(issued);
      expect((await json<Key[]>('list')).map(({ id }) => id)).not.toContain(issued.key.id);
      expect(await keys(`revoke ${named(issued)} --yes`)).toMatchObject({ code: 3 });
    });

    test('what the service cannot do exits 6, with what to do instead', async () => {
      const { keys } = await newUser();
      const lines: Partial<Record<Verb, string>> = {
        edit: 'edit x --name y',
        disable: 'disable x',
        enable: 'enable x',
        regenerate: 'regenerate x --yes',
      };
      for (const [verb, line] of Object.entries(lines).filter(([verb]) => !can(verb as Verb))) {
        const { code, stderr } = await keys(line);
        expect({ verb, code, stderr }).toMatchObject({ code: 6, stderr: expect.stringContaining('hint: ') });
      }
    });

    test('a wrong credential exits 4', async () => {
      const { shell, env, token } = await newUser();
      writeFileSync(env.KEYS_TOKEN_FILE, [...token].reverse().join(''));
      expect(await shell.run('keys list', env)).toMatchObject({ code: 4, stdout: '' });
    });
  });
}
