/** Rate limits as people type them. */
import { KeysError } from './errors.ts';
import type { RateLimit } from './keys.ts';
import { durationText, parseDuration } from './time.ts';

/** `600/1m`, `10/1s`: so many requests in any stretch of so long; `none` is `null`. Throws `invalid`. */
export function parseRateLimit(text: string): RateLimit | null {
  if (text.trim() === 'none') return null;
  const match = /^([1-9]\d{0,8})\/(\d{1,5}[smhd])$/.exec(text.trim());
  const perSeconds = match ? parseDuration(match[2] as string) / 1_000 : 0;
  if (perSeconds >= 1 && perSeconds <= 86_400) return { requests: Number(match?.[1]), perSeconds };
  throw new KeysError('invalid', `'${text}' is not a rate limit`, {
    hint: 'requests in a stretch of time, a day at most: 600/1m or 10/1s; none for no limit',
  });
}

export function rateLimitText({ requests, perSeconds }: RateLimit): string {
  return `${requests}/${durationText(perSeconds * 1_000)}`;
}
