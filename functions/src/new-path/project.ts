import type { MirroredPath } from '../paths/mirrored-path';
import type { DeclarationImports } from './declaration-file';
import type { Migration } from './declared-so-far';

/** Where a project keeps what a path consists of. File names are relative to its folder, with `/`. */
export interface ProjectLayout {
  /** The folder of the declarations. */
  declarations: string;
  /** The file that lists them. */
  list: string;
  /** What stands before the list's `[` in it. */
  listOpening: RegExp;
  /** How the list imports a declaration: what comes before its file's name. */
  listImports: string;
  migrations: string;
  imports: DeclarationImports;
  /** What people do once a path was added, in order. */
  nextSteps: readonly string[];
}

/** This repository. */
export const REPOSITORY_LAYOUT: ProjectLayout = {
  declarations: 'functions/src/paths',
  list: 'functions/src/app-paths.ts',
  listOpening: /export const PATHS = /,
  listImports: './paths/',
  migrations: 'migrations',
  imports: { columns: './columns', definePath: './define-path' },
  nextSteps: [
    'npm run mirror -- migrate',
    'UPDATE_DOCS=1 npx jest test/integration/schema-document',
    'deploy',
  ],
};

/** A folder that has the package as a dependency (a function kit's wrapper). */
export const WRAPPER_LAYOUT: ProjectLayout = {
  declarations: 'src/paths',
  list: 'src/paths.ts',
  listOpening: /export default |const paths = /,
  listImports: './paths/',
  migrations: 'migrations',
  imports: { columns: 'quest-mirror', definePath: 'quest-mirror' },
  nextSteps: [
    'compile (src/index.ts exports the trigger, or needs its name)',
    'npx quest-mirror migrate',
    'deploy',
  ],
};

/** A project as it is. */
export interface Project {
  layout: ProjectLayout;
  /** What its list has. */
  paths: readonly MirroredPath[];
  neverMirror: readonly string[];
  /** All that `migrate` applies, in order: the package's, and the folder's own. */
  migrations: readonly Migration[];
  listText: string;
  /** Whether a file is there; its name is relative to the project's folder. */
  hasFile(file: string): boolean;
}

/** A file as it is to be. */
export interface PlannedFile {
  file: string;
  text: string;
  /** False where a line is added to one that is there. */
  isNew: boolean;
}
