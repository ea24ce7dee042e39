/**
 * What `import … from 'quest-mirror'` gives: for teams that mirror paths of their own (docs/paths.md).
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

Object.defineProperty(exports, 'z', {
  enumerable: true,
  get: (): Zod => (require('zod') as typeof import('zod')).z,
});
