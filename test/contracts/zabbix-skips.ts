/** What Zabbix cannot promise, whether it is the real one or a stand-in. */
export const zabbixSkips: Readonly<Record<string, string>> = {
  'create refuses a description of 1,001 characters': 'a description may be as long as one likes',
  'a change with an old version is refused and changes nothing': 'a token has no version',
  'revoke is at once, for good, and may be repeated': 'a deleted token is gone, and is not found then',
  'regenerate keeps the key, and the old secret is dead at once':
    'a token does not know when it got its secret',
  'verify records the use, which is no new version':
    'the driver proves that with what Zabbix says: to the second',
};
