/** A PostgreSQL that is reached over TLS is the one it says it is, or is not spoken to. */
import { describe, onTestFinished, test, vi } from 'vitest';
import { openStore } from '../../../src/service/open-store.ts';
import { refuses } from '../../contracts/refuses.ts';
import { newAuthority } from '../../fakes/certificates.ts';
import { lacksPostgres, runPostgres } from '../../fakes/postgres-server.ts';

describe.skipIf(lacksPostgres)(
  `PostgreSQL over TLS${lacksPostgres ? ` (skipped: ${lacksPostgres})` : ''}`,
  () => {
    async function startWith(names: string) {
      const authority = newAuthority();
      const postgres = await runPostgres({ durable: false, certificate: authority.issue(names) });
      onTestFinished(() => postgres.remove());
      return { authority, address: await postgres.newDatabase() };
    }

    test('a certificate of the authority in sslrootcert is good, and no other one', async () => {
      const { authority, address } = await startWith('IP:127.0.0.1');
      for (const mode of ['verify-full', 'require', 'prefer']) {
        await refuses(
          'unavailable',
          openStore(`${address}?sslmode=${mode}`),
          /authority that is not trusted.*sslrootcert=/s,
        );
      }
      const other = newAuthority().certFile;
      await refuses('unavailable', openStore(`${address}?sslmode=verify-full&sslrootcert=${other}`));
      const store = await openStore(`${address}?sslmode=verify-full&sslrootcert=${authority.certFile}`);
      await store.check();
      await store.close();
    });

    test('a certificate that is made out to another name is refused', async () => {
      const { authority, address } = await startWith('DNS:db.example.com');
      const trusting = `${address}?sslmode=verify-full&sslrootcert=${authority.certFile}`;
      await refuses('unavailable', openStore(trusting), /not made out to this name/);
    });

    test('an authority that cannot be read is named', async () => {
      const gone = 'postgres://keys@127.0.0.1/keys?sslmode=verify-full&sslrootcert=/nonexistent/ca.pem';
      await refuses('invalid', openStore(gone), /names a file: .*\/nonexistent\/ca\.pem/);
    });

    test('what is misspelt of TLS is refused, and does not turn it off', async () => {
      for (const parameter of [
        'sslMode=verify-full',
        'ssl_mode=verify-full',
        'sslmode=verify_full',
        'sslmode=',
        'tls=true',
        // The driver does not know it, and would look at no list of revoked certificates.
        'sslmode=verify-full&sslcrl=/etc/keys/revoked.pem',
      ]) {
        for (const place of ['postgres://keys@127.0.0.1/keys?', 'postgres://keys@/keys?host=127.0.0.1&'])
          await refuses('invalid', openStore(place + parameter), /an unknown/);
      }
    });

    test('what is misspelt of TLS in PGSSLMODE is refused as well, where the address says nothing else', async () => {
      vi.stubEnv('PGSSLMODE', 'verify_full');
      onTestFinished(() => void vi.unstubAllEnvs());
      const address = 'postgres://keys@127.0.0.1:1/keys';
      await refuses('invalid', openStore(address), /PGSSLMODE has an unknown sslmode/);
      await refuses('unavailable', openStore(`${address}?sslmode=verify-full`));
    });

    test('with verify-full a PostgreSQL that speaks no TLS is not spoken to', async () => {
      const postgres = await runPostgres({ durable: false });
      onTestFinished(() => postgres.remove());
      const address = await postgres.newDatabase();
      await refuses('unavailable', openStore(`${address}?sslmode=verify-full`), /does not support SSL/);
    });
  },
);
