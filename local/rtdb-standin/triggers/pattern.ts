import { RtdbError } from '../rtdb-error';

/** Tells whether a segment of a path, or an instance name, fits. A literal has `key` too. */
export interface SegmentPattern {
  readonly key: string | null;
  matches(text: string): boolean;
}

function compileSegment(segment: string): SegmentPattern {
  const capture = /^\{[^=}]+(?:=(.*))?\}$/.exec(segment);
  const glob = capture === null ? segment : (capture[1] ?? '*');
  if (glob.includes('**')) {
    throw new RtdbError('invalid', `Multi-segment wildcards are not supported: ${segment}`);
  }
  if (!glob.includes('*')) {
    return { key: glob, matches: (text) => text === glob };
  }
  const literals = glob.split('*').map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
  const expression = new RegExp(`^${literals.join('[\\s\\S]*')}$`);
  return { key: null, matches: (text) => expression.test(text) };
}

/**
 * Compiles a `ref` pattern of a 2nd-gen trigger: `a/{b}/c`, `{b=x-*}`, `*`.
 * https://cloud.google.com/eventarc/docs/path-patterns
 * Throws `RtdbError` `invalid` for `**`.
 */
export function compileRefPattern(pattern: string): readonly SegmentPattern[] {
  return pattern
    .split('/')
    .filter((segment) => segment !== '')
    .map(compileSegment);
}

/** Compiles an `instance` pattern: a name, `*`, `{instance}`, `demo-*`. */
export function compileInstancePattern(pattern: string): SegmentPattern {
  return compileSegment(pattern);
}
