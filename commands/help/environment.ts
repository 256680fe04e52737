import type { Page } from './topics.ts';

const sections: readonly { title: string; variables: Readonly<Record<string, string>> }[] = [
  {
    title: 'Which service, and as whom',
    variables: {
      KEYS_PROFILE: 'the profile to work on, as --profile',
      KEYS_URL: 'the base URL of a service, in place of a profile',
      KEYS_DRIVER: 'the driver for KEYS_URL; "keys" when absent',
      KEYS_MAPPING: 'with KEYS_DRIVER=rest: the mapping file of the service',
      KEYS_SETTINGS: 'settings of the driver: "name=value; name=value"',
      KEYS_NAMESPACE: 'the namespace to work in, as --namespace',
      KEYS_TOKEN_FILE: "a file with the administrator's secret",
      KEYS_TOKEN: "the administrator's secret itself; the file goes first",
      KEYS_PASSPHRASE_FILE: 'a file with the passphrase of the store "file"',
    },
  },
  {
    title: 'How to print',
    variables: {
      KEYS_OUTPUT: 'the output format, as --output',
      KEYS_DEBUG: 'trace requests to stderr, as --debug; 0 for none',
      NO_COLOR: 'no colours',
      FORCE_COLOR: 'colours also in a pipe; 0 for none',
    },
  },
  {
    title: 'Where things are kept',
    variables: {
      KEYS_CONFIG_DIR: 'directory of config.yaml',
      KEYS_DATA_DIR: 'directory of the embedded database',
      KEYS_STATE_DIR: 'directory of caches and of what was interrupted',
    },
  },
  {
    title: 'The service (see keys help serve-config)',
    variables: {
      KEYS_SERVE_CONFIG: 'the configuration file of keys serve, as --config',
      'KEYS_SERVE_…': 'any setting of it, such as KEYS_SERVE_LISTEN',
    },
  },
  {
    title: 'The network',
    variables: {
      HTTPS_PROXY: 'proxy for https services',
      HTTP_PROXY: 'proxy for http services',
      NO_PROXY: 'hosts that are reached directly',
      NODE_EXTRA_CA_CERTS: 'a PEM file with further certificate authorities',
    },
  },
];

export function environmentPage(): Page {
  const all = sections.flatMap(({ variables }) => Object.entries(variables));
  const width = Math.max(...all.map(([name]) => name.length));
  const blocks = sections.map(({ title, variables }) => {
    const lines = Object.entries(variables).map(([name, meaning]) => `  ${name.padEnd(width)}  ${meaning}`);
    return `${title}\n${lines.join('\n')}\n`;
  });
  const words = `An option goes before its variable, and a variable before the configuration
file. With KEYS_URL and a token set, neither file nor keychain is touched.
Without KEYS_*_DIR, directories are the XDG ones on Linux and the native ones
elsewhere.

${blocks.join('\n')}`;
  return { json: all.map(([name, meaning]) => ({ name, meaning })), words };
}
