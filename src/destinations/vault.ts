import { join } from 'node:path';
import { KeysError } from '../errors.ts';
import { isMissing, readSmallFile } from '../files.ts';
import { requireHome } from '../paths.ts';
import { Secret } from '../secret.ts';
import { type Api, lazyApi, openApi, recordOf, textOf } from './api.ts';
import { failing, invalidTarget } from './failure.ts';
import type { DestinationContext, DestinationKind } from './index.ts';

interface Version {
  /** What the next write must name; 0 when there never was one. */
  readonly version: number;
  readonly fields: Readonly<Record<string, unknown>>;
}

interface Location {
  readonly mount: readonly string[];
  readonly path: readonly string[];
}

/**
 * Wire facts, the same for both: "KV secrets engine, version 2 (API)", "/sys/capabilities-self" and "/sys/internal/ui/mounts"
 * (developer.hashicorp.com/vault/api-docs, openbao.org/api-docs). A write takes `{options: {cas}, data}` and answers 200 with
 * `data.version`; 400 when `cas` is not the current version. A version that was deleted is read as 404 with its metadata, a secret
 * that never was as 404 with an empty list of errors; a 404 for a path in no mount, or none of the engine's, says so in words. Variables:
 * "Vault commands (CLI)".
 */
export const vault: DestinationKind = {
  name: 'vault',
  syntax: 'vault:MOUNT/PATH#FIELD',
  summary: 'a field of a secret in HashiCorp Vault or OpenBao (KV version 2)',
  example: 'keys rotate ci-deploy --to vault:secret/ci/deploy#token',
  detail:
    'Writes a new version of the secret at PATH with FIELD set and its other fields kept, and only if nobody wrote meanwhile (check-and-set). ' +
    'The policy needs read and create or update on MOUNT/data/PATH. Uses VAULT_ADDR, VAULT_TOKEN or ~/.vault-token, VAULT_NAMESPACE, VAULT_CACERT, ' +
    'VAULT_CLIENT_CERT and VAULT_CLIENT_KEY; when BAO_ADDR is set, the same variables with BAO_ instead.',
  readable: true,
  open(target, context) {
    const hash = target.lastIndexOf('#');
    const segments = target.slice(0, Math.max(0, hash)).split('/');
    const field = target.slice(hash + 1);
    if (
      hash < 1 ||
      field === '' ||
      segments.length < 2 ||
      segments.some((segment) => /^\.{0,2}$/.test(segment))
    ) {
      throw invalidTarget(vault, 'vault: needs a mount, a path and a field');
    }
    const api = lazyApi(() => openVault(context));
    let location: Promise<Location> | null = null;

    async function data(): Promise<string[]> {
      location ??= locate(await api.use(), segments);
      const { mount, path } = await location;
      return [...mount, 'data', ...path];
    }

    async function read(): Promise<Version> {
      const server = await api.use();
      const path = ['v1', ...(await data())];
      const answer = await server.call({ method: 'GET', path, effect: 'read', answers: [200, 404] });
      const found = recordOf((answer.status === 404 ? answer.anyFields : answer.fields()).data);
      const { version } = recordOf(found.metadata);
      if (answer.status === 404) {
        const { errors } = answer.anyFields;
        const isNew = Array.isArray(errors) && errors.length === 0;
        if (typeof version !== 'number' && !isNew) throw answer.refusal();
        return { version: typeof version === 'number' ? version : 0, fields: {} };
      }
      if (typeof version !== 'number') throw notVersioned(segments.join('/'));
      if (!answer.lossless) {
        throw new KeysError(
          'invalid',
          `Vault: ${segments.join('/')} has a number that would not survive being written back`,
          {
            hint: 'store that number as text, or use another path',
          },
        );
      }
      return { version, fields: recordOf(found.data) };
    }

    return {
      spec: `vault:${target}`,
      readable: true,
      async preflight() {
        const server = await api.use();
        const path = (await data()).join('/');
        const allowed = await capabilitiesOf(server, path);
        const { version } = await (allowed.includes('read') ? read() : Promise.reject(lacking('read', path)));
        const verb = version === 0 ? 'create' : 'update';
        if (!allowed.includes(verb)) throw lacking(verb, path);
      },
      async deliver(secret) {
        const value = secret.reveal();
        await failing(`${segments.join('/')} in Vault`, async () => {
          const server = await api.use();
          for (let attempt = 1; ; attempt += 1) {
            const { version, fields } = await read();
            if (fields[field] === value) return;
            const answer = await server.call({
              method: 'POST',
              path: ['v1', ...(await data())],
              body: { options: { cas: version }, data: { ...fields, [field]: value } },
              effect: 'set',
              answers: [200, 204, 400],
            });
            if (answer.status === 204) throw notVersioned(segments.join('/'));
            const { errors, data: made } = answer.fields();
            if (answer.status !== 400) {
              if (typeof recordOf(made).version === 'number') return;
              throw notVersioned(segments.join('/'));
            }
            // Somebody else wrote a version meanwhile: their fields are to be kept.
            if (!/check-and-set/.test(String(errors)) || attempt === 5) {
              throw answer.refusal();
            }
          }
        });
      },
      async readBack() {
        const value = textOf((await read()).fields[field]);
        return value === null ? null : context.redactor.know(new Secret(value));
      },
      async abandon() {
        location = null;
        await api.close();
      },
    };
  },
};

/** Where the mount ends and the path begins, which the server tells to who may read there; else after the first segment. */
async function locate(server: Api, segments: readonly string[]): Promise<Location> {
  const answer = await server.call({
    method: 'GET',
    path: ['v1', 'sys', 'internal', 'ui', 'mounts', ...segments],
    effect: 'read',
    answers: [200, 403, 404],
  });
  const found = answer.status === 200 ? recordOf(answer.fields().data) : {};
  const mount = (textOf(found.path) ?? `${segments[0]}/`).split('/').filter(Boolean);
  if (answer.status === 200 && (found.type !== 'kv' || recordOf(found.options).version !== '2')) {
    throw notVersioned(segments.join('/'));
  }
  return { mount, path: segments.slice(mount.length) };
}

async function capabilitiesOf(server: Api, path: string): Promise<string[]> {
  const answer = await server.call({
    method: 'POST',
    path: ['v1', 'sys', 'capabilities-self'],
    body: { paths: [path] },
    effect: 'read',
    answers: [200],
  });
  const body = answer.fields();
  const listed = body[path] ?? recordOf(body.data)[path];
  const names = Array.isArray(listed) ? listed.map(String) : [];
  return names.includes('root') ? ['read', 'create', 'update'] : names;
}

function lacking(verb: string, path: string): KeysError {
  return new KeysError('forbidden', `Vault: the token may not ${verb} ${path}`, {
    hint: `its policy needs: path "${path}" { capabilities = ["read", "create", "update"] }`,
  });
}

const mountHint = 'the first part of the path is the mount; vault secrets list -detailed shows them';

function notVersioned(path: string): KeysError {
  return new KeysError('invalid', `Vault: ${path} is not in a KV secrets engine of version 2`, {
    hint: mountHint,
  });
}

async function openVault(context: DestinationContext): Promise<Api> {
  const { env } = context;
  const family = env.BAO_ADDR ? 'BAO' : 'VAULT';
  const variable = (name: string) => env[`${family}_${name}`] || undefined;
  const baseUrl = variable('ADDR');
  if (!baseUrl) {
    throw new KeysError('invalid', 'VAULT_ADDR is not set', {
      hint: 'export VAULT_ADDR=https://vault.example.com:8200',
    });
  }
  const token = context.redactor.know(new Secret(variable('TOKEN') ?? (await savedToken(context, family))));
  return openApi(context, {
    name: 'Vault',
    baseUrl,
    caFile: variable('CACERT'),
    clientCertFile: variable('CLIENT_CERT'),
    clientKeyFile: variable('CLIENT_KEY'),
    headers: {
      'x-vault-token': token,
      'x-vault-request': 'true',
      'x-vault-namespace': variable('NAMESPACE'),
    },
    reasonOf: ({ errors }) =>
      Array.isArray(errors) && errors.length > 0 ? errors.map(String).join('; ') : null,
    hints: {
      refused: `check ${family}_TOKEN and ${family}_NAMESPACE, and the token's policy`,
      address: `check ${family}_ADDR and ${family}_CACERT; behind a standby, name the active server`,
      missing: mountHint,
    },
  });
}

async function savedToken({ env, signal }: DestinationContext, family: string): Promise<string> {
  const path = join(requireHome(env), '.vault-token');
  const text = await readSmallFile(path, { signal }).catch((error: unknown) => {
    if (isMissing(error)) return '';
    signal.throwIfAborted();
    throw new KeysError('unauthenticated', `cannot read ${path}: ${(error as Error).message}`, {
      cause: error,
    });
  });
  if (text.trim() !== '') return text.trim();
  throw new KeysError('unauthenticated', `${family}_TOKEN is not set, and there is no token in ${path}`, {
    hint: `set ${family}_TOKEN, or log in with ${family === 'BAO' ? 'bao' : 'vault'} login`,
  });
}
