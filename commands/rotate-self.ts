/** `keys rotate --self`: the administrator's own credential of a profile is exchanged and swapped in its store. */
import type { App } from '../src/app.ts';
import { findCredential } from '../src/credentials/index.ts';
import { KeysError } from '../src/errors.ts';
import { credentialSpec } from '../src/operations/credential-destination.ts';
import { farewell, planRotation } from '../src/operations/rotation.ts';
import { askConsent, requireConsent } from './consent.ts';
import { issue, type Wish, withDelivery } from './delivery.ts';
import { called } from './key-noun.ts';
import type { Options } from './rotate.ts';

export async function rotateSelf(app: App, refs: readonly string[], options: Options): Promise<void> {
  const { grace = 0, check, to, discard, takeOver } = options;
  if (refs.length > 0) throw new KeysError('invalid', '--self names the key already; leave out the others');
  if (to || discard) {
    throw new KeysError(
      'invalid',
      '--self delivers to where the credential is kept; leave out --to and --discard',
    );
  }
  requireConsent(app, 'rotate');
  const profile = await app.profile();
  const found = await findCredential(app, profile);
  if (found?.source === 'KEYS_TOKEN' || found?.source === 'KEYS_TOKEN_FILE') {
    throw new KeysError(
      'invalid',
      `the credential in use comes from ${found.source}, not from a store of keys`,
      {
        hint: 'keys rotate <key> --to DESTINATION delivers it where it is kept',
      },
    );
  }
  const service = await app.keys('whoami');
  const { id } = await service.whoami();
  if (!found || id === null) {
    throw new KeysError('unsupported', `profile ${profile.name} works without a credential that is a key`);
  }
  const key = await service.get(id);
  await askConsent(app, [key], `Exchange the credential of profile ${profile.name}?`);
  const rotation = await planRotation(service, key, { graceMs: grace, takeOver }, app.now());
  const { request, graceMs } = rotation;
  const wish: Wish = {
    command: 'rotate',
    request,
    key: { id: key.id, name: key.name },
    graceMs,
    check: check ?? null,
  };
  await withDelivery(app, { to: [credentialSpec(profile.name)] }, (delivery) =>
    issue(app, service, delivery, wish),
  );
  const old = farewell(rotation, key, app.now());
  await app.note(`profile ${profile.name} works with the new secret of ${called(key)}; ${old}`);
}
