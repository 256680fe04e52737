/** The key that a command line describes; a person is asked for the rest when not even a name is given. */
import type { App } from '../src/app.ts';
import { type Capabilities, type KeyType, keyTypes, type NewKey } from '../src/keys.ts';
import type { Prompt } from '../src/prompt.ts';
import { parseRateLimit } from '../src/rate-limit.ts';
import { parseExpiry } from '../src/time.ts';
import { requireAnswer } from './choose.ts';
import type { Options } from './create.ts';
import { expiresAt, problemWith } from './options.ts';

export async function askForKey(app: App, capabilities: Capabilities, options: Options): Promise<NewKey> {
  if (options.name === undefined) requireAnswer(app, 'the key needs a name', 'keys create <name>');
  const asked = options.name === undefined ? await ask(app, capabilities, options) : options;
  return {
    name: asked.name ?? '',
    namespace: (await app.namespace()) ?? undefined,
    description: asked.description,
    type: asked.type,
    roles: asked.role,
    permissions: asked.permission,
    apiVersion: asked.apiVersion,
    expiresAt: expiresAt(asked.expires),
    owner: asked.owner,
    labels: asked.label,
    recoverable: asked.recoverable,
    rateLimit: asked.rateLimit === undefined ? undefined : parseRateLimit(asked.rateLimit),
  };
}

async function ask({ prompt, now }: App, { fields }: Capabilities, given: Options): Promise<Options> {
  const answers: Options = { ...given };
  answers.name = await prompt.input('Name of the key', {
    check: (text) => (text.trim() === '' ? 'a key needs a name' : null),
  });
  if (fields.includes('type')) answers.type ??= await askType(prompt);
  if (fields.includes('roles') && !given.permission) answers.role ??= await askRoles(prompt);
  if (fields.includes('expiresAt') && given.expires === undefined) {
    answers.expires = await askExpiry(prompt, now());
  }
  return answers;
}

function askType(prompt: Prompt): Promise<KeyType> {
  const descriptions = { view: 'can only read', manage: 'can change things too' };
  return prompt.select(
    'Type',
    keyTypes.map((type) => ({ name: type, value: type, description: descriptions[type] })),
  );
}

async function askRoles(prompt: Prompt): Promise<string[] | undefined> {
  const answer = await prompt.input('Roles (such as viewer, editor; may be empty)');
  const roles = answer.split(',').map((role) => role.trim());
  return roles.some(Boolean) ? roles.filter(Boolean) : undefined;
}

async function askExpiry(prompt: Prompt, nowMs: number): Promise<string> {
  const choice = await prompt.select('Expires', [
    { name: 'in 30 days', value: '30d' },
    { name: 'in 90 days', value: '90d' },
    { name: 'in a year', value: '365d' },
    { name: 'never', value: 'never' },
    { name: 'at another time', value: null },
  ]);
  const check = (text: string) => problemWith(() => parseExpiry(text, nowMs));
  const when =
    choice ?? (await prompt.input('Expires when (12h, 2027-01-31, 2027-01-31T12:00:00Z)', { check }));
  return parseExpiry(when, nowMs) ?? 'never';
}
