/** An npm registry on loopback that has this package, packed as it would be published, and what it depends on. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { temporaryDirectory } from './temporary.ts';

const root = new URL('../../', import.meta.url).pathname;

interface Manifest {
  readonly name: string;
  readonly version: string;
}

interface Packed {
  readonly manifest: Manifest;
  readonly tarball: Buffer;
  readonly integrity: string;
}

/** Gives its address. What is not installed here, such as another platform's binaries, it does not have. */
export async function fakeRegistry(): Promise<string> {
  const directory = temporaryDirectory();
  const packages = new Map<string, Packed | null>();

  function pack(name: string): Packed | null {
    const source = name === 'keyadm' ? root : join(root, 'node_modules', name);
    if (!existsSync(join(source, 'package.json'))) return null;
    const argv = ['pack', '--ignore-scripts', '--json', '--pack-destination', directory, source];
    const said = execFileSync('npm', argv, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    const [{ filename, integrity }] = JSON.parse(said) as [{ filename: string; integrity: string }];
    const manifest = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8')) as Manifest;
    return { manifest, integrity, tarball: readFileSync(join(directory, filename)) };
  }

  const server = createServer((request, response) => {
    const [, name = '', tarball] =
      /^\/(.+?)(\/-\/package\.tgz)?$/.exec(decodeURIComponent(request.url ?? '')) ?? [];
    if (!packages.has(name)) packages.set(name, pack(name));
    const found = packages.get(name);
    if (!found) return void response.writeHead(404).end('{}');
    if (tarball) return void response.end(found.tarball);
    const { manifest, integrity } = found;
    const dist = { tarball: `${url}/${name}/-/package.tgz`, integrity };
    const versions = { [manifest.version]: { ...manifest, dist } };
    const document = { name, 'dist-tags': { latest: manifest.version }, versions };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(document));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return url;
}
