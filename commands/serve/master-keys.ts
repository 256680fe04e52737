import { readFile } from 'node:fs/promises';
import type { App } from '../../src/app.ts';
import { KeysError } from '../../src/errors.ts';
import type { Configuration } from '../../src/service/configuration.ts';
import { type MasterKey, parseMasterKeys } from '../../src/service/master-keys.ts';

/** Oldest first; none where none is set. Throws `invalid`. */
export async function masterKeysFrom(
  { redactor }: App,
  { masterKey, masterKeyFile }: Configuration,
): Promise<readonly MasterKey[]> {
  if (masterKey && masterKeyFile !== undefined) {
    throw new KeysError('invalid', 'masterKey and masterKeyFile are both set', {
      hint: 'leave one of them out',
    });
  }
  const keys = masterKeyFile === undefined ? (masterKey ?? []) : await fromFile(masterKeyFile);
  for (const { key } of keys) redactor.know(key);
  return keys;
}

async function fromFile(path: string): Promise<MasterKey[]> {
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new KeysError('invalid', `cannot read the master keys in ${path}: ${cause.code ?? cause.message}`, {
      cause,
      hint: 'name another file: --master-key-file',
    });
  });
  return parseMasterKeys(text, path);
}
