import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { ConfigurationError } from '../../errors/mirror-error';
import { printable } from '../printable';

/** What the `.env` files of a deployment set, and for which project. */
export interface EnvFiles {
  projectId: string;
  values: Record<string, string>;
}

/** Where a project keeps them. */
export interface EnvFolders {
  /** That of firebase.json and .firebaserc. */
  root: string;
  functions: string;
}

/**
 * Reads the `.env` files that `firebase deploy --project <name>` would, by its own code: `.env`, then that
 * of the project or of its alias; `.env.local` in the emulator alone.
 *
 * @param name id of a project, or an alias of `.firebaserc`
 * @throws ConfigurationError where firebase-tools would refuse them, or can't know which is meant;
 *   with code PROJECT_NOT_READY where the folder has no firebase-tools
 */
export function readEnvFiles(
  { root, functions }: EnvFolders,
  name: string,
  isEmulator: boolean,
): EnvFiles {
  const { env: tools, rc } = loadFirebaseTools();
  const aliases = new Map(Object.entries(rc.loadRC({ cwd: root }).projects ?? {}));
  const named = aliases.get(name);
  const projectId = typeof named === 'string' ? named : name;
  const projectAlias = typeof named === 'string' ? name : aliasOf(aliases, projectId, functions);
  try {
    const values = tools.loadUserEnvs({
      ...{ functionsSource: functions, projectDir: root },
      ...{ projectId, projectAlias, isEmulator },
    });
    return { projectId, values };
  } catch (error) {
    throw new ConfigurationError(complaintOf(error, tools.KeyValidationError));
  }
}

/** The parts of firebase-tools 15.34 (no types of its own) that are called here. */
interface FirebaseTools {
  env: {
    /** @throws FirebaseError, whose children may repeat lines of a file */
    loadUserEnvs(options: {
      functionsSource: string;
      projectDir: string;
      projectId: string;
      projectAlias?: string | undefined;
      isEmulator?: boolean;
    }): Record<string, string>;
    KeyValidationError: new (...args: never[]) => Error;
  };
  rc: { loadRC(options: { cwd: string }): { projects: Record<string, unknown> } };
}

/** That of the working folder, whose deployments it makes: the package does not bring its own. */
function loadFirebaseTools(): FirebaseTools {
  const requireThere = createRequire(join(process.cwd(), 'package.json'));
  try {
    return {
      env: requireThere('firebase-tools/lib/functions/env.js'),
      rc: requireThere('firebase-tools/lib/rc.js'),
    };
  } catch (error) {
    throw new ConfigurationError("firebase-tools can't be loaded from this folder", {
      code: 'PROJECT_NOT_READY',
      remedy: 'run `npm install --save-dev firebase-tools`',
      cause: error,
    });
  }
}

/**
 * The alias that a deployment goes by whose project is named by its id: `firebase use` leaves one active.
 * Only that of an environment file matters.
 */
function aliasOf(
  aliases: ReadonlyMap<string, unknown>,
  projectId: string,
  functions: string,
): string | undefined {
  const [first, second] = [...aliases]
    .filter(([alias, project]) => project === projectId && alias !== projectId)
    .map(([alias]) => alias)
    .filter((alias) => existsSync(join(functions, `.env.${alias}`)));
  if (second !== undefined) {
    throw new ConfigurationError(
      `functions/.env.${first} and functions/.env.${second} are both of ${projectId}`,
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
