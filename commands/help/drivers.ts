import { type DriverEntry, drivers } from '../../src/drivers/index.ts';
import { abilities, abilityText } from '../abilities.ts';
import type { Page } from './topics.ts';
import { wrapped } from './wrapped.ts';

export function driversPage(entries: readonly DriverEntry[] = drivers): Page {
  const described = entries.map(({ name, settings = {}, capabilities, capabilitiesOf }) => ({
    name,
    settings,
    capabilities: capabilities(),
    varies: capabilitiesOf !== undefined,
  }));
  const constant = described.filter(({ varies }) => !varies);
  const columns = constant.map(({ name, capabilities }) => ({ name, rows: abilities(capabilities) }));
  const labels = ['', ...(columns[0]?.rows ?? []).map(({ what }) => what)];
  const cells = columns.map(({ name, rows }) => [name, ...rows.map((ability) => abilityText(ability))]);
  const words = `A driver speaks to one kind of key service. Choose it with --driver when a
profile is added, or in KEYS_DRIVER; without one it is keys, our own service.

${tables(labels, cells)}

From name to labels: what may be said of a key. filters: how many the service
applies itself; keys applies the others, over all pages. told: a filter by what
a service never tells is refused. safe repeat: a mint whose answer was lost can
be asked for again. two secrets: the old secret of a key can go on while the
new one is spread. What a service cannot do is told before anything is sent
(exit 6), with the nearest thing that it can.
${described.map((driver) => section(driver)).join('')}`;
  const json = described.map(({ name, capabilities, settings }) => ({
    driver: name,
    capabilities,
    settings,
  }));
  return { json, words };
}

function section({
  name,
  settings,
  capabilities: { title, notes = [] },
}: {
  name: string;
  settings: Readonly<Record<string, string>>;
  capabilities: { title: string; notes?: readonly string[] };
}): string {
  const lines = [
    ...notes.map((note) => wrapped(note, { hanging: true })),
    ...Object.entries(settings).map(([setting, about]) =>
      wrapped(`--set ${setting}=…: ${about}`, { hanging: true }),
    ),
  ];
  return lines.length === 0 ? '' : `\n${name} (${title})\n${lines.join('\n')}\n`;
}

/** Columns beside their labels, in as many tables as fit into 80 columns. */
function tables(labels: readonly string[], columns: readonly (readonly string[])[]): string {
  const padded = (cells: readonly string[]) => {
    const width = Math.max(...cells.map(({ length }) => length));
    return cells.map((cell) => `  ${cell.padEnd(width)}`);
  };
  const labelled = padded(labels);
  const parts = [labelled];
  for (const cells of columns.map(padded)) {
    const lines = parts.at(-1) ?? labelled;
    const beside = (part: readonly string[]) => part.map((line, row) => line + cells[row]);
    if (lines !== labelled && beside(lines).some((line) => line.trimEnd().length > 80))
      parts.push(beside(labelled));
    else parts[parts.length - 1] = beside(lines);
  }
  return parts.map((lines) => lines.map((line) => line.trimEnd()).join('\n')).join('\n\n');
}
