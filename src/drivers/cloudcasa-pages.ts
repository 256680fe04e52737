/** Lists of a Python Eve server: `_items` and `_meta`, page by page. */
import * as z from 'zod/mini';
import { KeysError } from '../errors.ts';
import { type Answer, type Call, pageBytes } from '../http.ts';

const pageSize = 25;
const mostPages = 400;
const mostReadings = 4;

const number = z.catch(z.nullish(z.number()), null);
const page = z.object({
  _items: z.array(z.looseObject({ _id: z.string() })),
  _meta: z.catch(z.object({ max_results: number, total: number }), { max_results: null, total: null }),
});

export interface Item {
  readonly item: { readonly _id: string } & Record<string, unknown>;
  readonly answer: Answer;
}

/**
 * Everything in a collection. Pages are counted from the start, so one that is added or deleted in between shifts the others:
 * a reading that met a change begins again. Throws `bad_response` when there is no end to it, or an end before its total.
 */
export async function everyItem(
  ask: (call: Call) => Promise<Answer>,
  path: readonly string[],
  sort?: string,
): Promise<Item[]> {
  for (let reading = 1; reading <= mostReadings; reading++) {
    const items = await readThrough(ask, path, sort);
    if (items) return items;
  }
  throw new KeysError(
    'bad_response',
    'the service gave the same entries again and again; its list has no end',
    {
      hint: 'somebody may be changing it all the time: try again',
    },
  );
}

/** `null` when the list changed on the way. */
async function readThrough(
  ask: (call: Call) => Promise<Answer>,
  path: readonly string[],
  sort: string | undefined,
): Promise<Item[] | null> {
  const found = new Map<string, Item>();
  let total: number | null = null;
  for (let index = 1; index <= mostPages; index++) {
    const query = { page: index, max_results: pageSize, sort };
    const answer = await ask({ method: 'GET', path, query, effect: 'read', maxBytes: pageBytes });
    const parsed = page.safeParse(answer.json());
    if (!parsed.success)
      throw answer.nonsense(`the service's list makes no sense at ${parsed.error.issues[0]?.path.join('.')}`);
    const { _items: items, _meta: meta } = parsed.data;
    const said = meta.total ?? null;
    if (index > 1 && said !== total) return null;
    total = said;
    for (const item of items) {
      if (found.has(item._id)) return null;
      found.set(item._id, { item, answer });
    }
    const done = total === null ? items.length < (meta.max_results ?? pageSize) : found.size >= total;
    if (total !== null && items.length === 0 && found.size < total)
      throw answer.nonsense(`the service's list ends after ${found.size} of ${total} entries`);
    if (done) return [...found.values()];
  }
  return null;
}
