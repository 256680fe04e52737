import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

test.each(['dist', 'lib'])('%s has the licences of what is bundled in it', (folder) => {
  const notices = readFileSync(`${folder}/THIRD-PARTY.txt`, 'utf8').split(/^---- (?=\S+ \d)/m);
  const names = notices.slice(1).map((notice) => notice.split(' ')[0]);
  expect(names).toContain('undici');
  if (folder === 'dist') expect(names).toEqual(expect.arrayContaining(['commander', 'fastify', 'pg', 'zod']));
  for (const notice of notices.slice(1)) expect(notice).toMatch(/^\S+ \S+ \([A-Za-z0-9.-]+\)$/m);
  expect(notices.find((notice) => notice.startsWith('undici '))).toContain('Permission is hereby granted');
});
