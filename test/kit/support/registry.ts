import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { PackedPackage } from './pack';

/** A registry on this machine that has the package; for all others it sends npm to its own registry. */
export interface Registry {
  url: string;
  /** From now on this is the newest version. */
  publish(packed: PackedPackage): void;
  stop(): Promise<void>;
}

const NAME = 'quest-mirror';

interface Published {
  manifest: Record<string, unknown>;
  tarball: Buffer;
}

/** As npm reads it, a tarball from a registry: a shrinkwrap counts otherwise there than in a file. */
export async function startRegistry(): Promise<Registry> {
  const versions = new Map<string, Published>();
  const others = execFileSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8' }).trim();
  const server = createServer((request, response) => {
    const path = (request.url ?? '/').slice(1);
    const tarball = tarballAt(path, versions);
    if (tarball) response.end(tarball);
    else if (path === NAME) {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(packument(versions, urlOf(server))));
    } else response.writeHead(307, { location: new URL(path, others).href }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: urlOf(server),
    publish({ version, manifest, file }) {
      versions.set(version, { manifest, tarball: readFileSync(file) });
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function urlOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

function tarballAt(path: string, versions: ReadonlyMap<string, Published>): Buffer | undefined {
  const version = new RegExp(`^${NAME}/-/${NAME}-(.+)\\.tgz$`).exec(path)?.[1];
  return version === undefined ? undefined : versions.get(version)?.tarball;
}

function packument(versions: ReadonlyMap<string, Published>, url: string) {
  const described = [...versions].map(([version, { manifest, tarball }]) => {
    const integrity = `sha512-${createHash('sha512').update(tarball).digest('base64')}`;
    const dist = { tarball: `${url}${NAME}/-/${NAME}-${version}.tgz`, integrity };
    return [version, { ...manifest, _hasShrinkwrap: true, dist }];
  });
  const latest = [...versions.keys()].at(-1);
  return { name: NAME, 'dist-tags': { latest }, versions: Object.fromEntries(described) };
}
