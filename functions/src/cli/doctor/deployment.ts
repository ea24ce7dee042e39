import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { projectFolder } from '../folders';
import { type Codebase, envFileOf, findCodebase } from './codebase';
import { readEnvFiles } from './env-files';
import { loadFirebaseTools } from './firebase-tools';

const DISCOVERY = 'firebase-functions/lib/bin/firebase-functions.js';
const DISCOVERY_TIMEOUT_MS = 30_000;

const manifestSchema = z.looseObject({
  endpoints: z.record(
    z.string(),
    z.looseObject({
      region: z.union([z.string(), z.array(z.string())]).optional(),
      /** A number, or a parameter's name. */
      maxInstances: z.union([z.number(), z.string()]).nullish(),
      secretEnvironmentVariables: z.array(z.looseObject({ key: z.string() })).optional(),
      eventTrigger: z
        .looseObject({
          eventType: z.string().optional(),
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
  /** Which functions of firebase.json these are. */
  codebase: Codebase;
  /** By the names under which they are exported; {@link idOf} has the deployed ones. */
  manifest: Manifest;
  /** What the codebase's `.env` files set. */
  values: Record<string, string>;
  /** The one of this project, as messages name it. */
  envFile: string;
  /** Functions that hosting leads to, and where it expects them; null where that can't be read. */
  rewrites: Rewrite[] | null;
}

/** What a function is called once it is deployed. */
export function idOf({ codebase }: Deployment, name: string): string {
  return `${codebase.prefix}${name}`;
}

export interface Rewrite {
  functionId: string;
  region?: string | undefined;
}

/**
 * Discovers the built functions as `firebase deploy` does, offline, with a project's parameters.
 *
 * @param name id of a project, or an alias of it
 * @param instance which one of a kit; needed where it has several
 * @throws ConfigurationError where firebase-tools would refuse the `.env` files; with code
 *   PROJECT_NOT_READY where the folder has no firebase-tools, or deploys no functions of the mirror
 */
export async function discoverDeployment(
  name: string,
  isEmulator: boolean,
  instance?: string,
): Promise<Deployment> {
  const root = projectFolder();
  const tools = loadFirebaseTools();
  const codebase = findCodebase(root, tools, instance);
  const { source, configDir } = codebase;
  if (!existsSync(join(source, mainOf(source)))) throw new Error(`${source} is not built`);
  const { projectId: project, values } = readEnvFiles({ root, configDir }, name, isEmulator, tools);
  const [manifest, config] = await Promise.all([
    manifestOf(project, codebase),
    readFile(join(root, 'firebase.json'), 'utf8').catch(() => ''),
  ]);
  const envFile = envFileOf(root, codebase, project);
  return { project, codebase, manifest, values, envFile, rewrites: rewritesOf(config) };
}

const packageSchema = z.looseObject({ main: z.string().default('index.js') });

function mainOf(source: string): string {
  return packageSchema.parse(JSON.parse(readFileSync(join(source, 'package.json'), 'utf8'))).main;
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
function manifestOf(project: string, codebase: Codebase): Promise<Manifest> {
  const key = JSON.stringify([project, codebase]);
  const known = manifests.get(key);
  if (known) return known;
  const manifest = discover(project, codebase);
  manifests.set(key, manifest);
  manifest.catch(() => manifests.delete(key));
  return manifest;
}

async function discover(project: string, { source, instance }: Codebase): Promise<Manifest> {
  const folder = await mkdtemp(join(tmpdir(), 'quest-mirror-doctor-'));
  const file = join(folder, 'manifest.json');
  try {
    await promisify(execFile)(process.execPath, [discoveryScript(source), source], {
      cwd: source,
      timeout: DISCOVERY_TIMEOUT_MS,
      // Nothing else: what is deployed does not know this shell's environment.
      env: {
        PATH: process.env.PATH,
        GCLOUD_PROJECT: project,
        ...(instance === null ? {} : { FIREBASE_KIT_INSTANCE_ID: instance }),
        FUNCTIONS_MANIFEST_OUTPUT_PATH: file,
      },
    });
    return manifestSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** npm may put a dependency above the package; this script is not among that one's exports. */
function discoveryScript(source: string): string {
  const folders = createRequire(join(source, 'package.json')).resolve.paths(DISCOVERY) ?? [];
  const script = folders.map((folder) => join(folder, DISCOVERY)).find(existsSync);
  if (script === undefined) throw new Error('firebase-functions is not installed');
  return script;
}
