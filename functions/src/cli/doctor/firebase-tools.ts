import { createRequire } from 'node:module';
import { join } from 'node:path';
import { ConfigurationError } from '../../errors/mirror-error';
import { NOT_READY } from '../declared-paths';

/** The parts of firebase-tools 15.34 (no types of its own) that are called here. */
export interface FirebaseTools {
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
  config: {
    /** @throws FirebaseError */
    load(options: { cwd: string }): { get(name: string): unknown };
    /** @throws FirebaseError */
    normalizeAndValidate(functions: unknown): unknown;
    addKitPrefix(instance: string): string;
  };
  /** @throws FirebaseError, which repeats what it was given */
  parseSecretRef(reference: string): { projectId?: string; secretId: string; version?: string };
}

/**
 * That of the working folder, whose deployments it makes: the package does not bring its own.
 *
 * @throws ConfigurationError with code PROJECT_NOT_READY where it isn't installed
 */
export function loadFirebaseTools(): FirebaseTools {
  const requireThere = createRequire(join(process.cwd(), 'package.json'));
  try {
    const { Config } = requireThere('firebase-tools/lib/config.js');
    const { normalizeAndValidate, addKitPrefix } = requireThere(
      'firebase-tools/lib/functions/projectConfig.js',
    );
    return {
      env: requireThere('firebase-tools/lib/functions/env.js'),
      rc: requireThere('firebase-tools/lib/rc.js'),
      config: { load: (options) => Config.load(options), normalizeAndValidate, addKitPrefix },
      parseSecretRef: (reference) =>
        requireThere('firebase-tools/lib/deploy/functions/build.js').parseSecretRef(reference),
    };
  } catch (error) {
    throw new ConfigurationError("firebase-tools can't be loaded from this folder", {
      ...NOT_READY,
      remedy: 'run `npm install --save-dev firebase-tools`',
      cause: error,
    });
  }
}
