/** Certificates made when a test asks for them, by openssl, in a directory that goes with the test. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from './temporary.ts';

export interface Pair {
  readonly certFile: string;
  readonly keyFile: string;
  readonly cert: Buffer;
  readonly key: Buffer;
}

export interface Authority extends Pair {
  /** Signs a certificate; `names` as in `DNS:localhost,IP:127.0.0.1`, times as in `20260131000000Z`. */
  issue(names: string, validity?: { from?: string; until?: string }): Pair;
}

const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

/** Its own certificate is self-signed, and made out to 127.0.0.1 as well. */
export function newAuthority(): Authority {
  const directory = temporaryDirectory();
  const file = (name: string) => join(directory, name);
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' });
  const pair = (name: string): Pair => ({
    certFile: file(`${name}.pem`),
    keyFile: file(`${name}.key`),
    cert: readFileSync(file(`${name}.pem`)),
    key: readFileSync(file(`${name}.key`)),
  });

  const san = ['-addext', 'subjectAltName=IP:127.0.0.1'];
  openssl(
    'req',
    '-x509',
    ...curve,
    '-keyout',
    'ca.key',
    '-out',
    'ca.pem',
    '-subj',
    '/CN=test authority',
    ...san,
  );
  writeFileSync(file('index.txt'), '');
  writeFileSync(
    file('ca.cnf'),
    `[ca]
default_ca = own
[own]
database = ${file('index.txt')}
new_certs_dir = ${directory}
certificate = ${file('ca.pem')}
private_key = ${file('ca.key')}
rand_serial = yes
default_md = sha256
policy = any
copy_extensions = copy
unique_subject = no
[any]
commonName = supplied
`,
  );
  let issued = 0;
  return {
    ...pair('ca'),
    issue(names, { from = '20200101000000Z', until = '20991231000000Z' } = {}) {
      const name = `leaf${++issued}`;
      const request = ['-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`];
      openssl('req', ...curve, ...request, '-addext', `subjectAltName=${names}`);
      const validity = ['-startdate', from, '-enddate', until];
      openssl(
        'ca',
        '-batch',
        '-notext',
        '-config',
        'ca.cnf',
        '-in',
        `${name}.csr`,
        '-out',
        `${name}.pem`,
        ...validity,
      );
      return pair(name);
    },
  };
}
