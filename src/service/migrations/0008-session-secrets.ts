import type { Dialect } from '../sql.ts';

/** A session that a key opened ends with the secret that opened it. Of those that are there nobody knows which: they are over. */
export function sql({ bytes }: Dialect): string {
  return `
ALTER TABLE sessions ADD COLUMN secret_hash ${bytes};
`;
}
