/**
 * What `import … from 'quest-mirror'` gives: for teams that mirror paths of their own (docs/paths.md), and
 * beside it the functions of the app's paths, which a kit's first `export * from 'quest-mirror'` deploys.
 * Triggers load this file at every cold start, so it loads nothing that they don't need.
 */

export { createMirror, type MirrorFunctions, type MirrorOptions } from './deploy/create-mirror';
export { ConfigurationError } from './errors/mirror-error';
export {
  bigint,
  boolean,
  type Column,
  type ColumnContext,
  double,
  instant,
  integer,
  json,
  type RtdbView,
  text,
} from './paths/columns';
export { type Declaration, type DeclaredPath, definePath } from './paths/define-path';
export { questCompletions } from './paths/quest-completions/quest-completions';
export type { StandardSchema } from './paths/standard-schema';
export type { Json } from './values/json';

type Zod = typeof import('zod').z;

/** Zod's `z`, for a declaration's `value`. It is loaded by the first that asks: it takes 60 ms. */
export declare const z: Zod;

export declare namespace z {
  type infer<Schema> = import('zod').infer<Schema>;
  type input<Schema> = import('zod').input<Schema>;
  type output<Schema> = import('zod').output<Schema>;
}

// Not enumerable: `export *` leaves it out, and discovery, which looks for functions in every object, too.
Object.defineProperty(exports, 'z', { get: (): Zod => (require('zod') as typeof import('zod')).z });

/** The functions of the app's paths: those that an instance runs, or all. */
function functionNames(): string[] {
  const target = process.env.FUNCTION_TARGET;
  if (target) return [target];
  const { PATHS } = require('./app-paths') as typeof import('./app-paths');
  const { SERVICES } = require('./paths/check-paths') as typeof import('./paths/check-paths');
  return [...PATHS.map(({ trigger }) => trigger), ...SERVICES];
}

for (const name of functionNames()) {
  const get = () => (require('./index') as Readonly<Record<string, unknown>>)[name];
  Object.defineProperty(exports, name, { enumerable: true, get });
}
