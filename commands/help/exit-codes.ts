import { exitCodes } from '../../src/errors.ts';
import type { Page } from './topics.ts';

export function exitCodesPage(): Page {
  const rows = exitCodes();
  const lines = rows.flatMap(({ exit, meaning, codes }) => [
    `${String(exit).padStart(4)}  ${meaning}`,
    ...(codes.length > 0 ? [`      ${codes.join(', ')}`] : []),
  ]);
  const words = `Exit codes, and the error codes that "-o json" prints for them on stderr:

${lines.join('\n')}
`;
  return { json: rows, words };
}
