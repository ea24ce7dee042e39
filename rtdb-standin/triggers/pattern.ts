import { RtdbError } from '../rtdb-error';

/** Tells whether a segment of a path, or an instance name, fits. A literal has `key` too. */
export interface SegmentPattern {
  readonly key: string | null;
  /** `**`: any number of segments. */
  readonly isMulti: boolean;
  matches(text: string): boolean;
}

function compileSegment(segment: string): SegmentPattern {
  const capture = /^\{[^=}]+(?:=(.*))?\}$/.exec(segment);
  const glob = capture === null ? segment : (capture[1] ?? '*');
  if (glob === '**') {
    return { key: null, isMulti: true, matches: () => true };
  }
  if (glob.includes('**')) {
    throw new RtdbError('invalid', `** must be a whole segment: ${segment}`);
  }
  if (!glob.includes('*')) {
    return { key: glob, isMulti: false, matches: (text) => text === glob };
  }
  const literals = glob.split('*').map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
  const expression = new RegExp(`^${literals.join('[\\s\\S]*')}$`);
  return { key: null, isMulti: false, matches: (text) => expression.test(text) };
}

/**
 * Compiles a `ref` pattern of a trigger: `a/{b}/c`, `{b=x-*}`, `*`, and `**` once.
 * https://cloud.google.com/eventarc/docs/path-patterns
 * Throws `RtdbError` `invalid`.
 */
export function compileRefPattern(pattern: string): readonly SegmentPattern[] {
  const segments = pattern
    .split('/')
    .filter((segment) => segment !== '')
    .map(compileSegment);
  if (segments.filter((segment) => segment.isMulti).length > 1) {
    throw new RtdbError('invalid', `** may stand in a pattern once: ${pattern}`);
  }
  return segments;
}

/** Compiles an `instance` pattern: a name, `*`, `{instance}`, `demo-*`. */
export function compileInstancePattern(pattern: string): SegmentPattern {
  return compileSegment(pattern);
}
