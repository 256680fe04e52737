/** How much of a proof is run: a part with every `npm test`, the whole with `npm run test:deep`. */
export const isDeep = process.env.KEYS_PROOFS === 'deep';

export function runs({ usual, deep }: { usual: number; deep: number }): number {
  return isDeep ? deep : usual;
}
