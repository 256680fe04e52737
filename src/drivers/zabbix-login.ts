/** A user's name and password for a session, which is a credential until it is logged out or has been idle for long. */
import * as z from 'zod/mini';
import type { Profile } from '../config.ts';
import type { Http } from '../http.ts';
import type { Prompt } from '../prompt.ts';
import { Secret } from '../secret.ts';
import { onlyOnce } from './foreign.ts';
import { openRpc } from './zabbix-rpc.ts';

export async function zabbixLogin(
  http: Http,
  prompt: Prompt,
  know: (secret: Secret) => Secret,
  profile: Pick<Profile, 'url'>,
): Promise<Secret> {
  const username = await prompt.input('Zabbix username');
  const password = know(await prompt.password('Zabbix password'));
  const params = { username, password: password.reveal() };
  const session = await openRpc(http, profile).ask(
    { method: 'user.login', params, ...onlyOnce, as: null },
    z.string().check(z.minLength(1)),
  );
  return know(new Secret(session));
}
