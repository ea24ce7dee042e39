import { existsSync, realpathSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { z } from 'zod';
import { ConfigurationError, UsageError } from '../../errors/mirror-error';
import { NOT_READY } from '../declared-paths';
import { PACKAGE_FOLDER } from '../folders';
import type { FirebaseTools } from './firebase-tools';

/** The mirror's functions, as firebase.json has them. Folders are absolute. */
export interface Codebase {
  /** What is loaded: this package, or a wrapper that has it as a dependency. */
  source: string;
  /** Where the `.env` files are. */
  configDir: string;
  /** The label of each function; in a kit the instance's name. */
  codebase: string;
  /** Before each function's id, with its `-`; empty = nothing. */
  prefix: string;
  /** Of a kit; null = they are no kit's. */
  instance: string | null;
  /** Whether firebase.json has functions of somebody else's, too. */
  isOneOfSeveral: boolean;
}

/** As firebase-tools gives it, valid and with its defaults. */
const configs = z.array(
  z.looseObject({
    source: z.string().optional(),
    configDir: z.string().optional(),
    codebase: z.string().optional(),
    prefix: z.string().optional(),
    /** Of a kit: each instance with the folder of its `.env` files. */
    instances: z.record(z.string(), z.string()).optional(),
  }),
);

/**
 * Finds the mirror's functions among those of firebase.json.
 *
 * @param root the folder of firebase.json
 * @param instance which one of a kit; needed where it has several
 * @throws ConfigurationError with code PROJECT_NOT_READY where there are none; UsageError where it can't be
 *   told which are meant
 */
export function findCodebase(root: string, tools: FirebaseTools, instance?: string): Codebase {
  const all = configs.parse(readConfig(root, tools));
  const found = all.flatMap((config): Omit<Codebase, 'isOneOfSeveral'>[] => {
    if (config.source === undefined) return [];
    const source = resolve(root, config.source);
    if (!isOurs(source)) return [];
    if (config.instances === undefined) {
      const { codebase = 'default', prefix, configDir = config.source } = config;
      const before = prefix === undefined ? '' : `${prefix}-`;
      const folder = resolve(root, configDir);
      return [{ source, configDir: folder, codebase, prefix: before, instance: null }];
    }
    return Object.entries(config.instances).map(([name, configDir]) => ({
      ...{ source, configDir: resolve(root, configDir), codebase: name },
      ...{ prefix: `${tools.config.addKitPrefix(name)}-`, instance: name },
    }));
  });
  return { ...choose(found, instance), isOneOfSeveral: all.length > 1 };
}

function choose<Found extends { codebase: string }>(
  found: readonly Found[],
  instance: string | undefined,
): Found {
  const [first, second] = found;
  if (first === undefined) {
    throw new ConfigurationError('firebase.json has no functions of this package', NOT_READY);
  }
  const chosen = instance === undefined ? first : found.find((one) => one.codebase === instance);
  if (chosen === undefined || (instance === undefined && second !== undefined)) {
    const names = found.map(({ codebase }) => codebase).join(', ');
    throw new UsageError(`--instance: expected one of ${names}`);
  }
  return chosen;
}

function isOurs(source: string): boolean {
  const places = [source, join(source, 'node_modules', 'quest-mirror')];
  return places.some((place) => existsSync(place) && realpathSync(place) === PACKAGE);
}

const PACKAGE = realpathSync(PACKAGE_FOLDER);

function readConfig(root: string, { config }: FirebaseTools): unknown {
  if (!existsSync(join(root, 'firebase.json'))) {
    throw new ConfigurationError('there is no firebase.json here', NOT_READY);
  }
  try {
    const functions = config.load({ cwd: root }).get('functions');
    return functions === undefined ? [] : config.normalizeAndValidate(functions);
  } catch (error) {
    const reason = error instanceof Error ? error.message.split('\n')[0] : String(error);
    throw new ConfigurationError(`firebase.json: ${reason}`, { cause: error });
  }
}

/** The file in which a project's parameters are, as messages name it. */
export function envFileOf(root: string, { configDir }: Codebase, project: string): string {
  return join(relative(root, configDir), `.env.${project}`).replaceAll('\\', '/');
}
