import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import { ConfigurationError } from '../../errors/mirror-error';
import { printable } from '../printable';
import type { FirebaseTools } from './firebase-tools';

/** What the `.env` files of a deployment set, and for which project. */
export interface EnvFiles {
  projectId: string;
  values: Record<string, string>;
}

/** Where a project keeps them. */
export interface EnvFolders {
  /** That of firebase.json and .firebaserc. */
  root: string;
  /** That of the files. */
  configDir: string;
}

/**
 * Reads the `.env` files that `firebase deploy --project <name>` would, by its own code: `.env`, then that
 * of the project or of its alias; `.env.local` in the emulator alone.
 *
 * @param name id of a project, or an alias of `.firebaserc`
 * @throws ConfigurationError where firebase-tools would refuse them, or can't know which is meant
 */
export function readEnvFiles(
  { root, configDir }: EnvFolders,
  name: string,
  isEmulator: boolean,
  { env: tools, rc }: FirebaseTools,
): EnvFiles {
  const aliases = new Map(Object.entries(rc.loadRC({ cwd: root }).projects ?? {}));
  const named = aliases.get(name);
  const projectId = typeof named === 'string' ? named : name;
  const projectAlias =
    typeof named === 'string' ? name : aliasOf(aliases, projectId, { root, configDir });
  try {
    const values = tools.loadUserEnvs({
      ...{ functionsSource: configDir, projectDir: root },
      ...{ projectId, projectAlias, isEmulator },
    });
    return { projectId, values };
  } catch (error) {
    throw new ConfigurationError(complaintOf(error, tools.KeyValidationError));
  }
}

/**
 * The alias that a deployment goes by whose project is named by its id: `firebase use` leaves one active.
 * Only that of an environment file matters.
 */
function aliasOf(
  aliases: ReadonlyMap<string, unknown>,
  projectId: string,
  { root, configDir }: EnvFolders,
): string | undefined {
  const [first, second] = [...aliases]
    .filter(([alias, project]) => project === projectId && alias !== projectId)
    .map(([alias]) => alias)
    .filter((alias) => existsSync(join(configDir, `.env.${alias}`)));
  if (second !== undefined) {
    const folder = relative(root, configDir);
    throw new ConfigurationError(
      `${folder}/.env.${first} and ${folder}/.env.${second} are both of ${projectId}`,
      { remedy: 'name the alias that is deployed, --project <alias>' },
    );
  }
  return first;
}

/** firebase-tools' own words, but for lines of a file: they may hold anything. */
function complaintOf(
  error: unknown,
  InvalidKey: FirebaseTools['env']['KeyValidationError'],
): string {
  const message = error instanceof Error ? error.message : String(error);
  const children = error instanceof Error && 'children' in error ? error.children : [];
  const reasons = (Array.isArray(children) ? children : []).map((child: unknown) =>
    child instanceof InvalidKey ? child.message : 'expected lines such as NAME=value',
  );
  return printable([message, ...new Set(reasons)].join(' ').slice(0, 500));
}
