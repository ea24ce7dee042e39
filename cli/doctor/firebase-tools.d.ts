/** The parts of firebase-tools 15.34 (no types of its own) that `env-files.ts` calls. */
declare module 'firebase-tools/lib/functions/env.js' {
  /** @throws FirebaseError, whose children may repeat lines of a file */
  export function loadUserEnvs(options: {
    functionsSource: string;
    projectDir: string;
    projectId: string;
    projectAlias?: string | undefined;
    isEmulator?: boolean;
  }): Record<string, string>;

  export class KeyValidationError extends Error {
    key: string;
  }
}

declare module 'firebase-tools/lib/rc.js' {
  export function loadRC(options: { cwd: string }): { projects: Record<string, unknown> };
}
