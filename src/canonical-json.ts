/** RFC 8785: no white space, fields in the order of their UTF-16 code units. A field without a value is left out. */
export function canonicalJson(value: unknown): string {
  // Several times as fast, and a service makes its rows in order.
  if (isInOrder(value)) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  const fields = value as Readonly<Record<string, unknown>>;
  const parts: string[] = [];
  for (const name of Object.keys(fields).sort()) {
    if (fields[name] !== undefined) parts.push(`${JSON.stringify(name)}:${canonicalJson(fields[name])}`);
  }
  return `{${parts.join(',')}}`;
}

function isInOrder(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (Array.isArray(value)) return value.every(isInOrder);
  const fields = value as Readonly<Record<string, unknown>>;
  let before = '';
  for (const name of Object.keys(fields)) {
    if (name < before || !isInOrder(fields[name])) return false;
    before = name;
  }
  return true;
}
