const time = String.raw`(?<time>\d\d:\d\d:\d\d)`;
const dateForms = [
  new RegExp(String.raw`^[A-Z][a-z]{2}, (?<day>\d\d) (?<month>[A-Z][a-z]{2}) (?<year>\d{4}) ${time} GMT$`),
  new RegExp(String.raw`^[A-Z][a-z]{5,8}, (?<day>\d\d)-(?<month>[A-Z][a-z]{2})-(?<year>\d\d) ${time} GMT$`),
  new RegExp(String.raw`^[A-Z][a-z]{2} (?<month>[A-Z][a-z]{2}) (?<day>[ \d]\d) ${time} (?<year>\d{4})$`),
];

/**
 * The three forms of RFC 9110, 5.6.7, as milliseconds since 1970; `null` for what is none, or no day of the calendar. A year of two
 * digits is in the century of `nowMs`, or in the one before where it would be more than 50 years ahead.
 */
export function httpDate(text: string, nowMs = Date.now()): number | null {
  const parts = dateForms.map((form) => form.exec(text)?.groups).find((groups) => groups);
  if (!parts) return null;
  const { day = '', month, year = '', time } = parts;
  const inYear = (full: number | string) =>
    calendarDate(`${day.replace(' ', '0')} ${month} ${full} ${time} GMT`);
  if (year.length === 4) return inYear(year);
  const now = new Date(nowMs);
  const thisYear = now.getUTCFullYear();
  const near = thisYear - (thisYear % 100) + Number(year);
  const ms = inYear(near);
  return ms !== null && ms > now.setUTCFullYear(thisYear + 50) ? inYear(near - 100) : ms;
}

function calendarDate(text: string): number | null {
  const ms = Date.parse(text);
  return new Date(ms).toUTCString().endsWith(text) ? ms : null;
}
