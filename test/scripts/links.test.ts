/** The links of the pages, in a checkout and in the npm package. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, test } from 'vitest';
import manifest from '../../package.json' with { type: 'json' };

const pages = ['.', 'docs'].flatMap((folder) =>
  readdirSync(folder, { recursive: folder !== '.', encoding: 'utf8' })
    .filter((path) => path.endsWith('.md'))
    .map((path) => join(folder, path)),
);

/** A page without its fenced blocks, in which nothing is a link or a heading. */
const proseOf = (page: string) => readFileSync(page, 'utf8').replaceAll(/^```.*?^```$/gms, '');

/** As GitHub and npm make an anchor of a heading. */
function anchorsOf(page: string): string[] {
  return [...proseOf(page).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}_ -]/gu, '')
      .replaceAll(' ', '-'),
  );
}

const links = pages.flatMap((page) =>
  [...proseOf(page).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target)
    .filter((target) => !/^https?:/.test(target))
    .map((target) => {
      const [path = '', anchor = ''] = target.split('#');
      return { page, target, file: path === '' ? page : normalize(join(dirname(page), path)), anchor };
    }),
);

test('every link in a page leads to a file that is there, and to a heading in it', () => {
  expect(links.length).toBeGreaterThan(100);
  const dead = links.filter(
    ({ file, anchor }) => !existsSync(file) || (anchor !== '' && !anchorsOf(file).includes(anchor)),
  );
  expect(dead).toEqual([]);
});

test('every page and file that a page of the package links to is in the package', () => {
  const packed = (path: string) =>
    /^(README|LICENSE)\b/.test(path) ||
    manifest.files.some((entry) => path === entry || path.startsWith(`${entry}/`));
  const missing = links.filter(({ page, file }) => packed(page) && !packed(file));
  expect(missing).toEqual([]);
});
