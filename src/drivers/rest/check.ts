/** What a mapping finds in a real list, field by field; one request, which changes nothing. */
import type { Profile } from '../../config.ts';
import type { Answer, Http } from '../../http.ts';
import { keyStatuses, keyTypes } from '../../keys.ts';
import type { Check, DriverParts, Finding } from '../index.ts';
import { restService } from './driver.ts';
import { type Field, fieldOf, rawValue, timeIn, wordsIn } from './fields.ts';
import { mappingOf } from './index.ts';
import type { Mapping } from './mapping.ts';
import { itemsIn, valueIn } from './paging.ts';
import { timeForms } from './times.ts';

export async function checkMapping(http: Http, profile: Profile, parts: DriverParts): Promise<Check> {
  const mapping = await mappingOf(profile);
  const answer = await restService(mapping, http, profile, parts).firstPage();
  const items = itemsIn(mapping, answer);
  const { method, path } = mapping.list;
  return {
    asked: `${method} ${path}`,
    keys: items.length,
    findings: [
      ...Object.keys(mapping.key)
        .filter((name) => name !== 'extra')
        .map((name) => finding(mapping, name as Exclude<keyof Mapping['key'], 'extra'>, items, parts.now())),
      ...pagingFindings(mapping, answer),
    ],
  };
}

function finding(
  { key }: Mapping,
  name: Exclude<keyof Mapping['key'], 'extra'>,
  items: readonly unknown[],
  nowMs: number,
): Finding {
  const field = fieldOf(key, name);
  const found = items.filter((item) => hasValue(rawValue(field, item)));
  const odd = found.map((item) => oddity(field, name, item, nowMs)).find((what) => what !== null);
  const shared =
    name === 'id' && new Set(found.map((item) => String(rawValue(field, item)))).size < found.length;
  return {
    field: name,
    from: field.from ?? null,
    found: found.length,
    of: items.length,
    note: shared
      ? 'several entries have the same: it tells no key from another'
      : (odd ?? (found.length === 0 && items.length > 0 ? missed(name, items) : null)),
    wrong: shared || odd !== undefined || ((name === 'id' || name === 'name') && found.length < items.length),
  };
}

/** A next page that is looked for in the wrong place is a list that is cut, and nobody is told. */
function pagingFindings({ list: { paging } }: Mapping, answer: Answer): Finding[] {
  if (!paging) return [];
  const followed = paging.style === 'cursor' || paging.style === 'link';
  const place = followed ? paging.next : paging.total;
  if (place === undefined) return [];
  const found = valueIn(place, answer) !== null;
  return [
    {
      field: followed ? 'next page' : 'total',
      from: typeof place === 'string' ? place : `header ${place.header}`,
      found: found ? 1 : 0,
      of: 1,
      note: found
        ? null
        : `not in this answer: ${followed ? 'it is the last page, or ' : ''}it is somewhere else`,
      wrong: !found && !followed,
    },
  ];
}

function hasValue(value: unknown): boolean {
  return value !== null && value !== '' && !(Array.isArray(value) && value.length === 0);
}

/** The names of what is there, never its values: one of them may be a secret. */
function missed(name: string, items: readonly unknown[]): string {
  const names = new Set(
    items.flatMap((item) => (typeof item === 'object' && item !== null ? Object.keys(item) : [])),
  );
  const there = names.size > 0 ? `; an entry has ${[...names].slice(0, 30).join(', ')}` : '';
  return name === 'id' || name === 'name' ? `in no entry${there}` : 'in no entry: not set, or somewhere else';
}

const times: readonly string[] = ['createdAt', 'expiresAt', 'lastUsedAt', 'rotatedAt'];

/** What is wrong with a value that is there, or null. */
function oddity(field: Field, name: string, item: unknown, nowMs: number): string | null {
  const value = rawValue(field, item);
  if (times.includes(name)) {
    const { time = 'rfc3339', never } = field;
    if ((never !== undefined && String(value) === String(never)) || timeIn(field, item, nowMs) !== null)
      return null;
    return `is no time of the form ${time} (${timeForms[time]})`;
  }
  const known: readonly string[] | null = name === 'status' ? keyStatuses : name === 'type' ? keyTypes : null;
  const unknown = known && wordsIn(field, value).find((word) => !known.includes(word));
  // A long word may be no word at all, but a secret that a mapping points to by mistake.
  return unknown
    ? `${unknown.length > 20 ? 'its value' : `'${unknown}'`} is none of ${known.join(', ')}: add it to values`
    : null;
}
