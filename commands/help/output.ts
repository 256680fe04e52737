import { outputFormats } from '../../src/output.ts';
import type { Page } from './topics.ts';

const formats: Readonly<Record<(typeof outputFormats)[number], string>> = {
  table: 'for people; what a terminal shows when nothing else is asked for',
  json: 'one JSON document; --json is short for it',
  ndjson: 'one JSON object a line, written as results arrive',
  yaml: 'the same data as JSON',
  csv: 'a heading and one line a row; formulas are neutralised',
  name: 'names only, one a line; ids with --all-namespaces',
};

const key = `  {"id":"…","name":"ci-deploy","description":null,"namespace":"default",
   "owner":"alice","type":"manage","roles":["editor"],"permissions":[],
   "apiVersion":null,"status":"active","prefix":"…","lastFour":"x1Y2",
   "createdAt":"…","createdBy":"…","expiresAt":null,"lastUsedAt":null,
   "rotatedAt":null,"labels":{},"rateLimit":null,
   "recoverable":false,"version":"…"}`;

export function outputPage(): Page {
  const lines = outputFormats.map((format) => `  ${format.padEnd(6)}  ${formats[format]}`);
  const words = `Results go to stdout. Notes, questions, warnings and errors go to stderr, so
that stdout is a result or nothing.

Formats (-o, --output, or KEYS_OUTPUT)
${lines.join('\n')}

In a pipe the default is one line a row, its values separated by tabs, without a
heading and without colour.

JSON
Field names are never renamed, only added to. Times are RFC 3339 in UTC, ids are
strings, and what is absent is null. A key:

${key}

  list                      an array of keys, [] when there are none
  show, edit                one key
  create, regenerate,       {"key":{…},"secret":"…","destinations":["stdout"]};
  rotate                    with --to elsewhere "secret" is null
  disable, enable, revoke,  an array with one result a key:
  rotate of several         {"id","name","ok":true|false,"error":null|{…}}
  recover                   an array of {"id","command","profile","key","state",
                            "startedAt","destinations","next"}
  verify                    {"valid","reason","key"}
  auth status               {"profile","url","driver","store","source",
                             "authenticated","identity"}
  an error, on stderr       {"error":{"code","message","hint","requestId"}}

A secret is printed once, by create, regenerate and rotate; with -q nothing but
it.
--query takes a JMESPath expression: keys list --query '[].name'
`;
  return { json: formats, words };
}
