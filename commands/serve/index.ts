import { join } from 'node:path';
import type { Command } from 'commander';
import type { App } from '../../src/app.ts';
import { requireFree } from '../../src/service/listen.ts';
import { openStore } from '../../src/service/open-store.ts';
import { createService } from '../../src/service/service.ts';
import { loadCertificate } from '../../src/service/tls.ts';
import { addExamples } from '../options.ts';
import { type CommandEntry, register } from '../register.ts';
import { masterKeysFrom } from './master-keys.ts';
import { requireSafeTransport, run } from './run.ts';
import { addSettings, configurationOf, type SettingOptions } from './settings-options.ts';

const verbs: readonly CommandEntry[] = [
  {
    name: 'backup',
    summary: 'copy the database while the service runs',
    load: () => import('./backup.ts'),
  },
  {
    name: 'restore',
    summary: 'put a backup in the place of the database',
    load: () => import('./restore.ts'),
  },
];

export function declare(command: Command, app: App): void {
  addSettings(command);
  register(command, verbs, app);
  command.action((options: SettingOptions) => serve(app, options));
  command.addHelpText('after', '\nkeys help serve-config says how each is set in a file or the environment.');
  addExamples(command, [
    'keys serve',
    'keys serve --listen 127.0.0.1:8080 --database /var/lib/keys/keys.db',
    'keys serve --config /etc/keys/serve.yaml',
  ]);
}

async function serve(app: App, options: SettingOptions): Promise<void> {
  const configuration = await configurationOf(app, options);
  requireSafeTransport(configuration);
  const certificate = await loadCertificate(configuration);
  await requireFree(configuration.listen);
  if (configuration.metricsListen) await requireFree(configuration.metricsListen, '--metrics-listen');
  const {
    database = join(app.paths.data, 'service.db'),
    rateLimit,
    addressRateLimit,
    ...rest
  } = configuration;
  const settings = {
    ...rest,
    rateLimit: rateLimit === 'none' ? null : rateLimit,
    addressRateLimit: addressRateLimit === 'none' ? null : addressRateLimit,
    masterKeys: await masterKeysFrom(app, configuration),
  };
  const service = createService({ store: await openStore(database), now: app.now, settings });
  try {
    await run(app, service, configuration, certificate);
  } finally {
    await service.close();
  }
}
