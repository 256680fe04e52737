/** The pages of `keys help` that belong to no single command. */

export interface Topic {
  readonly name: string;
  readonly summary: string;
  readonly load: () => Promise<Page>;
}

/** A page for people, and the same for programs. */
export interface Page {
  readonly json: unknown;
  readonly words: string;
}

export const topics: readonly Topic[] = [
  {
    name: 'exit-codes',
    summary: 'what each exit code tells a script',
    load: async () => (await import('./exit-codes.ts')).exitCodesPage(),
  },
  {
    name: 'environment',
    summary: 'the environment variables that keys reads',
    load: async () => (await import('./environment.ts')).environmentPage(),
  },
  {
    name: 'output',
    summary: 'formats, fields, and what goes to stdout and stderr',
    load: async () => (await import('./output.ts')).outputPage(),
  },
  {
    name: 'destinations',
    summary: 'where a new secret can be delivered (--to)',
    load: async () => (await import('./destinations.ts')).destinationsPage(),
  },
  {
    name: 'drivers',
    summary: 'the kinds of key service, and what each can do',
    load: async () => (await import('./drivers.ts')).driversPage(),
  },
  {
    name: 'serve-config',
    summary: 'what can be set of keys serve, and how',
    load: async () => (await import('./serve-config.ts')).serveConfigPage(),
  },
];
