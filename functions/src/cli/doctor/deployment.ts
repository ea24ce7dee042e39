import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { PACKAGE_FOLDER, projectFolder } from '../folders';
import { readEnvFiles } from './env-files';

const DISCOVERY = 'firebase-functions/lib/bin/firebase-functions.js';
const DISCOVERY_TIMEOUT_MS = 30_000;

const manifestSchema = z.looseObject({
  endpoints: z.record(
    z.string(),
    z.looseObject({
      region: z.union([z.string(), z.array(z.string())]).optional(),
      eventTrigger: z
        .looseObject({
          retry: z.boolean().optional(),
          eventFilters: z.record(z.string(), z.string()).optional(),
          eventFilterPathPatterns: z.record(z.string(), z.string()).optional(),
        })
        .optional(),
    }),
  ),
  params: z.array(z.looseObject({ name: z.string(), default: z.unknown().optional() })).default([]),
});

const hostingSchema = z.looseObject({
  rewrites: z
    .array(
      z.looseObject({
        function: z
          .union([
            z.string(),
            z.looseObject({ functionId: z.string(), region: z.string().optional() }),
          ])
          .optional(),
        /** Beside a function that is named by text alone. */
        region: z.string().optional(),
      }),
    )
    .default([]),
});

const configSchema = z.looseObject({
  hosting: z.union([z.array(hostingSchema), hostingSchema.transform((site) => [site])]).default([]),
});

export type Manifest = z.infer<typeof manifestSchema>;

/** What `firebase deploy` would deploy to a project. */
export interface Deployment {
  project: string;
  manifest: Manifest;
  /** What the `.env` files of `functions/` set. */
  values: Record<string, string>;
  /** Functions that hosting leads to, and where it expects them; null where that can't be read. */
  rewrites: Rewrite[] | null;
}

export interface Rewrite {
  functionId: string;
  region?: string | undefined;
}

/**
 * Discovers the built functions as `firebase deploy` does, offline, with a project's parameters.
 *
 * @param name id of a project, or an alias of it
 * @throws ConfigurationError where firebase-tools would refuse the `.env` files; with code
 *   PROJECT_NOT_READY where the folder has no firebase-tools
 */
export async function discoverDeployment(name: string, isEmulator: boolean): Promise<Deployment> {
  if (!existsSync(join(PACKAGE_FOLDER, 'lib', 'index.js'))) {
    throw new Error('functions/ is not built');
  }
  const root = projectFolder();
  const { projectId: project, values } = readEnvFiles(
    { root, functions: PACKAGE_FOLDER },
    name,
    isEmulator,
  );
  const [manifest, config] = await Promise.all([
    manifestOf(project),
    readFile(join(root, 'firebase.json'), 'utf8').catch(() => ''),
  ]);
  return { project, manifest, values, rewrites: rewritesOf(config) };
}

/** The functions that the hosting of a `firebase.json` leads to; null where that can't be read. */
export function rewritesOf(config: string): Rewrite[] | null {
  try {
    const rewrites = configSchema
      .parse(JSON.parse(config))
      .hosting.flatMap((site) => site.rewrites);
    return rewrites.flatMap(({ function: target, region }) => {
      if (target === undefined) return [];
      return typeof target === 'string' ? [{ functionId: target, region }] : [target];
    });
  } catch {
    // firebase-tools reads comments, too; no reason to fail all that is known of the functions.
    return null;
  }
}

/** A manifest's text, with a parameter in place of its name; undefined where nothing sets it. */
export function resolve(text: string | undefined, deployment: Deployment): string | undefined {
  const name = /^\{\{ params\.(\w+) \}\}$/.exec(text ?? '')?.[1];
  if (name === undefined) return text;
  const byDefault = deployment.manifest.params.find((param) => param.name === name)?.default;
  return deployment.values[name] || (byDefault === undefined ? undefined : String(byDefault));
}

const manifests = new Map<string, Promise<Manifest>>();

/** Discovered once in a process: the built functions don't change under it. */
function manifestOf(project: string): Promise<Manifest> {
  const known = manifests.get(project);
  if (known) return known;
  const manifest = discover(project);
  manifests.set(project, manifest);
  manifest.catch(() => manifests.delete(project));
  return manifest;
}

async function discover(project: string): Promise<Manifest> {
  const folder = await mkdtemp(join(tmpdir(), 'quest-mirror-doctor-'));
  const file = join(folder, 'manifest.json');
  try {
    await promisify(execFile)(process.execPath, [discoveryScript(), PACKAGE_FOLDER], {
      cwd: PACKAGE_FOLDER,
      timeout: DISCOVERY_TIMEOUT_MS,
      // Nothing else: what is deployed does not know this shell's environment.
      env: {
        PATH: process.env.PATH,
        GCLOUD_PROJECT: project,
        FUNCTIONS_MANIFEST_OUTPUT_PATH: file,
      },
    });
    return manifestSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** npm may put a dependency above the package; this script is not among that one's exports. */
function discoveryScript(): string {
  const folders = require.resolve.paths(DISCOVERY) ?? [];
  const script = folders.map((folder) => join(folder, DISCOVERY)).find(existsSync);
  if (script === undefined) throw new Error('firebase-functions is not installed');
  return script;
}
