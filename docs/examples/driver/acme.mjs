// A driver for keys: the key service of a company called Acme, as a template for your own. docs/drivers.md walks through it.
//
//   keys profile add acme --driver ./acme.mjs --url https://keys.acme.example
//
// The interface in types, for editors: the package keyadm, installed beside this file.
/** @import { Capabilities, DriverAnswer, DriverModule, Key, NewKey } from 'keyadm/driver' */

/** What the service can do: data, asked before any request is sent. @type {Capabilities} */
const capabilities = {
  title: 'Acme',
  verbs: ['create', 'list', 'get', 'revoke'],
  fields: ['description', 'expiresAt'],
  editable: [],
  filters: [],
  pages: false,
  grace: false,
  // Acme cannot tell a repeated request: a mint is sent once.
  idempotentMint: false,
  // What Acme never says of a key, so that no list can go by it: --owner and --unused-for are refused.
  untold: ['owner', 'lastUsedAt'],
  instead: {
    edit: 'create another key, then keys revoke this one',
    disable: 'keys revoke ends a key for good',
    enable: 'create another key',
    regenerate: 'keys rotate creates a successor and revokes the old key',
    verify: 'use the secret in a request to Acme',
    whoami: 'keys list tells whether the credential works',
  },
};

/** @type {DriverModule} */
export default function acme({ KeysError, Secret, blankKey, codeForStatus, unsupportedVerbs, utcTime }) {
  /** Acme's JSON as a key: whatever is not there, or is not what it should be, is null. @returns {Key} */
  function toKey(/** @type {any} */ wire, /** @type {number} */ now) {
    const expiresAt = utcTime(wire.expires);
    return {
      ...blankKey,
      id: String(wire.id),
      name: String(wire.name ?? wire.id),
      description: typeof wire.note === 'string' ? wire.note : null,
      status: expiresAt !== null && Date.parse(expiresAt) <= now ? 'expired' : 'active',
      createdAt: utcTime(wire.created),
      expiresAt,
    };
  }

  /** Acme's errors are { "error": "…" }; the status says which they are. */
  function errorOf(/** @type {DriverAnswer} */ answer) {
    if (answer.status < 400) return null;
    const { error } = /** @type {any} */ (answer.jsonOrNull() ?? {});
    const message = typeof error === 'string' ? error : `Acme answered with status ${answer.status}`;
    return new KeysError(codeForStatus(answer.status), message);
  }

  return {
    version: 1,
    capabilities: () => capabilities,
    open(http, _profile, { now }) {
      return {
        ...unsupportedVerbs(capabilities),
        capabilities,

        async create(/** @type {NewKey} */ { name, description, expiresAt }) {
          if (name.trim() === '') throw new KeysError('invalid', 'a key of Acme has a name');
          const answer = await http.call({
            method: 'POST',
            path: ['keys'],
            body: { name, note: description, expires: expiresAt ?? undefined },
            // Never twice, whatever happens to the answer.
            effect: 'once',
            attempts: 1,
            errorOf,
          });
          const wire = /** @type {any} */ (answer.json());
          if (typeof wire?.secret !== 'string') throw answer.nonsense('Acme made a key and gave no secret');
          return { key: toKey(wire, now()), secret: new Secret(wire.secret) };
        },

        async list({ cursor }) {
          if (cursor !== undefined) throw new KeysError('invalid', 'Acme lists everything at once');
          const answer = await http.call({ method: 'GET', path: ['keys'], effect: 'read', maxBytes: 8 * 2 ** 20, errorOf });
          const wires = /** @type {any} */ (answer.json())?.keys;
          if (!Array.isArray(wires)) throw answer.nonsense("Acme's list makes no sense");
          const keys = wires.map((wire) => toKey(wire, now()));
          return { keys: keys.sort((a, b) => (a.createdAt ?? '') < (b.createdAt ?? '') ? 1 : -1), nextCursor: null };
        },

        async get(id) {
          // Each segment of a path is encoded: an id cannot lead elsewhere.
          const answer = await http.call({ method: 'GET', path: ['keys', id], effect: 'read', errorOf });
          return toKey(answer.json(), now());
        },

        async revoke(id) {
          await http.call({
            method: 'DELETE',
            path: ['keys', id],
            effect: 'set',
            // Gone already, after an answer that was lost: that is success.
            errorOf: (answer) => (answer.status === 404 && answer.repeated ? null : errorOf(answer)),
          });
        },

        close: () => http.close(),
      };
    },
  };
}
