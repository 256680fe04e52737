/**
 * Reads an installation's `/swagger.json` for what v3 offers in its interface and no document describes: a new secret for
 * the same token, and an expiry. What it finds is told, and used only when a profile says so.
 */
import * as z from 'zod/mini';
import { codeForStatus, KeysError } from '../errors.ts';
import { type Http, pageBytes } from '../http.ts';
import type { Discovery } from './index.ts';

const swagger = z.object({
  paths: z.record(z.string(), z.record(z.string(), z.unknown())),
  definitions: z.catch(
    z.record(z.string(), z.object({ properties: z.catch(z.record(z.string(), z.unknown()), {}) })),
    {},
  ),
});

const known = ['name', 'role', 'secret', 'createTime'];
const tokenPath = /^\/apitokens\/v1\/namespaces\/\{[^{}/]+\}\/apitokens\/\{[^{}/]+\}(.+)$/;

/** Throws `not_found` where the installation hides the document, and `bad_response` for one that cannot be read. */
export async function discoverVerverica(http: Http): Promise<Discovery> {
  const answer = await http.call({
    method: 'GET',
    path: ['swagger.json'],
    effect: 'read',
    maxBytes: pageBytes,
    errorOf: ({ status }) =>
      status < 400
        ? null
        : new KeysError(codeForStatus(status), `/swagger.json is answered with status ${status}`),
  });
  const parsed = swagger.safeParse(answer.json());
  if (!parsed.success) throw answer.nonsense('/swagger.json is no swagger document');
  const { paths, definitions } = parsed.data;

  const routes = Object.entries(paths)
    .filter(([path]) => tokenPath.test(path))
    .flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`))
    .filter((route) => /^(POST|PUT|PATCH) /.test(route));
  const tokens = Object.entries(definitions).filter(([name]) => /(^|[^A-Za-z])ApiToken$/.test(name));
  const fields = tokens
    .flatMap(([, { properties }]) => Object.keys(properties))
    .filter((field) => !known.includes(field));

  const regenerate = only(routes.filter((route) => /regenerat|rotat|renew/i.test(route)));
  const expiryField = only(
    [...new Set(fields)].filter((field) => /^[A-Za-z]*expir[A-Za-z0-9]*$/i.test(field)),
  );
  return {
    found: [
      routes.length > 0
        ? `/swagger.json has for a token: ${routes.join(', ')}`
        : '/swagger.json has no route that gives a token a new secret',
      fields.length > 0
        ? `/swagger.json has in a token, besides the usual: ${fields.join(', ')}`
        : '/swagger.json has no expiry in a token',
    ],
    settings: { ...(regenerate && { regenerate }), ...(expiryField && { expiryField }) },
  };
}

/** The one there is; of several none is as good as any. */
function only(candidates: readonly string[]): string | null {
  return candidates.length === 1 ? (candidates[0] ?? null) : null;
}
