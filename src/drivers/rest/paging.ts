/** Every key of a list, whichever way the service pages it. */
import { isDeepStrictEqual } from 'node:util';
import { KeysError } from '../../errors.ts';
import type { Answer } from '../../http.ts';
import { find, textOf } from './expression.ts';
import type { Mapping, Paging } from './mapping.ts';
import type { Values } from './template.ts';

const usualSize = 100;
const mostPages = 400;
const mostReadings = 4;

/** An entry of the list, with its id. */
export interface Item {
  readonly id: string;
  readonly wire: unknown;
}

/** Asks for one page, with the values of its place in the list or at the address that the service gave. */
type AskPage = (values: Values, link?: string) => Promise<Answer>;

/** Where a page is in the list: how many pages are before it, and how many entries. */
export function placeIn(paging: Paging | undefined, pages = 0, entries = 0): Values {
  if (!paging) return {};
  const { size = usualSize } = paging;
  if (paging.style === 'page') return { page: (paging.start ?? 1) + pages, limit: size };
  return paging.style === 'offset' ? { offset: entries, limit: size } : { limit: size };
}

/** The entries of one answer. Throws `bad_response`, saying what the answer has instead. */
export function itemsIn({ list, title }: Mapping, answer: Answer): unknown[] {
  const body = answer.json();
  const items = find(list.items ?? '@', body);
  if (Array.isArray(items)) return items;
  if (isNull(list.items, body)) return [];
  const where = list.items === undefined ? '' : ` at '${list.items}'`;
  throw new KeysError(
    'bad_response',
    `the list of ${title} makes no sense: there is no array${where}; ${shapeOf(body)}`,
    {
      requestId: answer.requestId,
      hint: 'list.items in the mapping file says where the keys are in an answer',
    },
  );
}

/** Whether the answer says null in the place of the list, as services in some languages do of an empty one. */
function isNull(place: string | undefined, body: unknown): boolean {
  const names = place === undefined ? [] : place.split('.');
  const inside = (at: unknown, name: string) => (at as Readonly<Record<string, unknown>> | null)?.[name];
  return names.reduce(inside, body) === null;
}

function shapeOf(body: unknown): string {
  if (Array.isArray(body)) return 'the answer is an array itself';
  const place = arrayIn(body);
  if (place !== null) return `there is one at '${place}'`;
  if (typeof body !== 'object' || body === null) return 'the answer is no object';
  const names = Object.keys(body).slice(0, 20);
  return names.length > 0 ? `the answer has ${names.join(', ')}` : 'the answer is empty';
}

/** Where the nearest array in an object is, as an expression; the names on the way are plain ones. */
function arrayIn(body: unknown): string | null {
  let level: [string, unknown][] = [['', body]];
  for (let depth = 0; depth < 3; depth++) {
    level = level.flatMap(([at, value]) =>
      typeof value === 'object' && value !== null
        ? Object.entries(value)
            .filter(([name]) => /^[A-Za-z_]\w{0,40}$/.test(name))
            .map(([name, part]): [string, unknown] => [at === '' ? name : `${at}.${name}`, part])
        : [],
    );
    const found = level.find(([, value]) => Array.isArray(value));
    if (found) return found[0];
  }
  return null;
}

/**
 * Everything in the list, each entry once. Where pages are counted from its start, an entry that comes or goes in between
 * shifts the others: a reading that met a change begins again, and without a total to go by, two readings have to agree.
 * Throws `bad_response` when there is no end to it, or when it ends before its total.
 */
export async function everyItem(
  mapping: Mapping,
  idOf: (wire: unknown, answer: Answer) => string,
  ask: AskPage,
): Promise<Item[]> {
  const { paging } = mapping.list;
  const read = (answer: Answer) =>
    oneEach(
      mapping,
      itemsIn(mapping, answer).map((wire) => ({ id: idOf(wire, answer), wire })),
    );
  if (!paging) return read(await ask({}));
  if (paging.style === 'cursor' || paging.style === 'link') return followed(mapping, paging, read, ask);
  let before: string | undefined;
  for (let reading = 1; reading <= mostReadings; reading++) {
    const { items, sure } = await counted(mapping, paging, read, ask);
    const ids = items?.map(({ id }) => id).join('\n');
    if (items && (sure || ids === before)) return items;
    before = ids;
  }
  throw nonsense(
    mapping,
    'changes faster than it can be read',
    'somebody may be changing it all the time: try again',
  );
}

interface Reading {
  /** `null` when the list changed on the way. */
  readonly items: Item[] | null;
  /** Whether a change would have shown. */
  readonly sure: boolean;
}

/** A page that is not full is the last one only where a total says so: a service may give fewer than it is asked for. */
async function counted(
  mapping: Mapping,
  paging: Extract<Paging, { style: 'page' | 'offset' }>,
  read: (answer: Answer) => Item[],
  ask: AskPage,
): Promise<Reading> {
  const found = new Map<string, Item>();
  const { size = usualSize } = paging;
  let expected: number | null = null;
  let last: readonly Item[] = [];
  for (let index = 0; index < mostPages; index++) {
    const wasFull = last.length >= size;
    const ended = (sure: boolean) => ({ items: [...found.values()], sure });
    const answer = await ask(placeIn(paging, index, found.size)).catch((error: unknown) => {
      if (index > 0 && expected === null && isBeyond(error, wasFull)) return null;
      throw error;
    });
    if (!answer) return ended(index === 1);
    const items = read(answer);
    const total = numberIn(paging.total, answer);
    if (index > 0 && total !== expected) return { items: null, sure: true };
    expected = total;
    if (items.some(({ id }) => found.has(id))) {
      const again = items.length === last.length && items.every(({ id }, at) => last[at]?.id === id);
      // Beyond the end some services give the last page again, and one that does not page at all gives everything.
      if (again && total === null && !wasFull) return ended(index === 1);
      if (again && index === 1)
        throw nonsense(
          mapping,
          'is the same page again and again',
          'check the names in list.query of its mapping',
        );
      return { items: null, sure: true };
    }
    for (const item of items) found.set(item.id, item);
    if (total !== null && items.length === 0 && found.size < total)
      throw nonsense(
        mapping,
        `ends after ${found.size} of ${total}`,
        'check start, total and the names in list.query of its mapping',
      );
    if (total === null && items.length === 0) return ended(index <= 1);
    if (total !== null && found.size >= total) return ended(index === 0 || total === found.size);
    last = items;
  }
  throw nonsense(mapping, 'has no end', 'check list.paging of its mapping');
}

/** Whether a service says so that there is no such page; after a full page a refusal may mean anything else. */
function isBeyond(error: unknown, wasFull: boolean): boolean {
  if (!(error instanceof KeysError)) return false;
  return error.code === 'not_found' || (error.code === 'invalid' && !wasFull);
}

async function followed(
  mapping: Mapping,
  paging: Extract<Paging, { style: 'cursor' | 'link' }>,
  read: (answer: Answer) => Item[],
  ask: AskPage,
): Promise<Item[]> {
  const items: Item[] = [];
  const seen = new Set<string>();
  let next: string | null = null;
  for (let index = 0; index < mostPages; index++) {
    const values = placeIn(paging);
    const answer: Answer =
      next === null || paging.style === 'cursor'
        ? await ask({ ...values, ...(next !== null && { cursor: next }) })
        : await ask(values, next);
    items.push(...read(answer));
    next = valueIn(paging.next, answer);
    if (next === null) return unique(items);
    if (seen.has(next))
      throw nonsense(
        mapping,
        'leads back to a page that was read before',
        'check the names in list.query and list.paging of its mapping',
      );
    seen.add(next);
  }
  throw nonsense(mapping, 'has no end', 'check list.paging of its mapping');
}

type From = string | { readonly header: string };

/** What an answer says of the list: where the next page is, or how many there are. */
export function valueIn(from: From | undefined, answer: Answer): string | null {
  if (from === undefined) return null;
  if (typeof from === 'string') {
    const value = find(from, answer.jsonOrNull());
    return value === false ? null : textOf(value);
  }
  const value = answer.header(from.header);
  if (value === null || from.header.toLowerCase() !== 'link') return value || null;
  const link = value.split(/,\s*(?=<)/).find((each) => nextForm.test(each));
  return /<([^>]*)>/.exec(link ?? '')?.[1] ?? null;
}

/** `next` as one of the relations of a link (RFC 8288, 3.3). */
const nextForm = /;\s*rel=("([^"]*\s)?next(\s[^"]*)?"|next)\s*(;|,|$)/i;

function numberIn(from: From | undefined, answer: Answer): number | null {
  const text = valueIn(from, answer);
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : null;
}

/** Throws `bad_response` when two entries of one answer have one id: all but one of them would not be seen. */
function oneEach(mapping: Mapping, items: Item[]): Item[] {
  const byId = new Map<string, unknown>();
  for (const { id, wire } of items) {
    if (byId.has(id) && !isDeepStrictEqual(byId.get(id), wire))
      throw nonsense(
        mapping,
        `has two entries with the id '${id}'`,
        'key.id in its mapping says what tells one key from another',
      );
    byId.set(id, wire);
  }
  return [...byId].map(([id, wire]) => ({ id, wire }));
}

function unique(items: readonly Item[]): Item[] {
  return [...new Map(items.map((item) => [item.id, item])).values()];
}

function nonsense({ title }: Mapping, what: string, hint: string): KeysError {
  return new KeysError('bad_response', `the list of ${title} ${what}`, { hint });
}
