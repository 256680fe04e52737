import {
  optionOf,
  type SettingName,
  settingNames,
  settingOf,
  variableOf,
} from '../../src/service/configuration.ts';
import type { Page } from './topics.ts';
import { wrapped } from './wrapped.ts';

const example: Readonly<Record<string, unknown>> = {
  listen: '0.0.0.0:8787',
  database: '/var/lib/keys/service.db',
  quota: 100,
  roles: { deployer: ['deployments.view', 'deployments.create'] },
  trustedProxies: ['10.0.0.7', 'fd00::/8'],
  metricsListen: '127.0.0.1:9464',
};

export async function serveConfigPage(): Promise<Page> {
  const { stringify } = await import('yaml');
  const sections = settingNames.map((name) => {
    const { summary } = settingOf(name);
    return `${name}\n${wrapped(summary)}\n  ${ways(name).join('  ')}`;
  });
  const words = `What can be set of keys serve: by an option, by an environment variable, or in
the YAML file of --config (or KEYS_SERVE_CONFIG). An option goes before a
variable, a variable before the file, and the file before the default. What is
misspelt is refused. In a variable, a list is written with commas and roles as
JSON. In the file, paths are absolute.

${sections.join('\n\n')}

A file:

${indented(stringify(example))}
Without TLS the service listens for other machines only where trustedProxies
names the proxies that end TLS in front of it, or with insecureHttp.
`;
  const json = settingNames.map((name) => {
    const { summary, default: given = null } = settingOf(name);
    return { setting: name, option: optionOf(name), variable: variableOf(name), default: given, summary };
  });
  return { json, words };
}

function ways(name: SettingName): string[] {
  const { default: given } = settingOf(name);
  return [optionOf(name), variableOf(name), given ? `default: ${given}` : null].filter((way) => way !== null);
}

function indented(text: string): string {
  return text.replace(/^(?=.)/gm, '  ');
}
