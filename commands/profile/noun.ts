/** How a profile is printed. Its JSON is a public contract: fields are added, never renamed. */
import type { Profile } from '../../src/config.ts';
import type { Column, Noun } from '../../src/output.ts';

export type ProfileRow = ReturnType<typeof profileRow>;

/** A profile with every field; what it does not say is `null`. `inForce` is the name of the profile in force. */
export function profileRow(profile: Profile, inForce: string | null) {
  return {
    name: profile.name,
    current: profile.name === inForce,
    driver: profile.driver,
    url: profile.url,
    namespace: profile.namespace,
    store: profile.store,
    credentialCommand: profile.credentialCommand ?? null,
    authScheme: profile.authScheme ?? null,
    caFile: profile.caFile ?? null,
    clientCertFile: profile.clientCertFile ?? null,
    clientKeyFile: profile.clientKeyFile ?? null,
    insecureHttp: profile.insecureHttp ?? false,
    settings: profile.settings ?? null,
    origin: profile.origin,
  };
}

const columns: Column<ProfileRow>[] = [
  {
    field: 'current',
    title: '',
    value: ({ current }) => String(current),
    human: ({ current }) => (current ? '*' : null),
    tone: () => 'green',
  },
  { field: 'name', title: 'name', value: ({ name }) => name },
  { field: 'driver', title: 'driver', value: ({ driver }) => driver, dispensable: 2 },
  { field: 'url', title: 'url', value: ({ url }) => url, shrinks: true },
  { field: 'namespace', title: 'namespace', value: ({ namespace }) => namespace, dispensable: 3 },
  { field: 'store', title: 'store', value: ({ store }) => store, dispensable: 1 },
];

export const profileNoun: Noun<ProfileRow> = { columns, name: ({ name }) => name, none: 'no profiles' };

const details = [
  ['credentialCommand', 'credential command'],
  ['authScheme', 'auth scheme'],
  ['caFile', 'CA file'],
  ['clientCertFile', 'client certificate'],
  ['clientKeyFile', 'client key'],
] as const;

/** All that a profile says, for a person. */
export const profileRecord: Noun<ProfileRow> = {
  ...profileNoun,
  columns: [
    ...columns.map((column) =>
      column.field === 'current' ? { ...column, title: 'current', human: undefined } : column,
    ),
    ...details.map(([field, title]) => ({
      field,
      title,
      value: (row: ProfileRow) => [row[field] ?? []].flat().join(' ') || null,
    })),
    {
      field: 'settings',
      title: 'settings',
      value: ({ settings }) =>
        Object.entries(settings ?? {})
          .map(([name, value]) => `${name}=${value}`)
          .join(', ') || null,
    },
    { field: 'insecureHttp', title: 'insecure http', value: ({ insecureHttp }) => String(insecureHttp) },
    { field: 'origin', title: 'origin', value: ({ origin }) => origin },
  ],
};
