import { destinationKinds } from '../../src/destinations/index.ts';
import type { Page } from './topics.ts';
import { wrapped } from './wrapped.ts';

export async function destinationsPage(): Promise<Page> {
  const kinds = await destinationKinds();
  const sections = kinds.map(
    ({ syntax, summary, detail, example }) =>
      `${syntax}\n${wrapped(`${summary[0]?.toUpperCase()}${summary.slice(1)}. ${detail}`)}\n  $ ${example}`,
  );
  const words = `Where a new secret goes: --to DESTINATION, on create, regenerate, rotate and
recover, as often as needed. The operation is finished when all have it.

${sections.join('\n\n')}
`;
  return { json: kinds.map(({ open: _open, ...described }) => described), words };
}
