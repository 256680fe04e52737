/** Indented lines of at most 78 characters; with `hanging`, those after the first stand further in. */
export function wrapped(text: string, { hanging = false } = {}): string {
  const lines = ['  '];
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? '';
    const isBlank = line.trim() === '';
    if (!isBlank && line.length + 1 + word.length > 78) lines.push((hanging ? '    ' : '  ') + word);
    else lines[lines.length - 1] = isBlank ? line + word : `${line} ${word}`;
  }
  return lines.join('\n');
}
