import { MAX_MESSAGE_LENGTH } from './frames';

/** Segments are 1,840 characters of base64. */
const MAX_SEGMENTS = Math.ceil(MAX_MESSAGE_LENGTH / 1_000);

interface Segment {
  readonly total: number;
  readonly data: string;
}

/**
 * Puts the messages together that long polling sends as `seg0=…&ts0=…&d0=…`: base64 in pieces that
 * are numbered through the session, since requests may overtake each other. Returns the messages
 * that a request completes. Throws on numbers that make no sense.
 */
export function segmentJoiner(): (parameters: URLSearchParams) => string[] {
  const segments = new Map<number, Segment>();
  let next = 0;

  function* complete(): Generator<string> {
    for (;;) {
      const total = segments.get(next)?.total;
      if (total === undefined || segments.size < total) {
        return;
      }
      const numbers = Array.from({ length: total }, (_, index) => next + index);
      const pieces = numbers.map((number) => segments.get(number)?.data);
      if (pieces.includes(undefined)) {
        return;
      }
      for (const number of numbers) {
        segments.delete(number);
      }
      next += total;
      // The SDK pads with dots.
      yield Buffer.from(pieces.join('').replaceAll('.', ''), 'base64url').toString('utf8');
    }
  }

  return (parameters) => {
    for (let index = 0; parameters.has(`d${index}`); index += 1) {
      const number = Number(parameters.get(`seg${index}`));
      const total = Number(parameters.get(`ts${index}`));
      const isNumber = Number.isInteger(number) && number >= next && number < next + MAX_SEGMENTS;
      const isTotal = Number.isInteger(total) && total > 0 && total <= MAX_SEGMENTS;
      if (!isNumber || !isTotal) {
        throw new Error('a segment of long polling that makes no sense');
      }
      segments.set(number, { total, data: parameters.get(`d${index}`) ?? '' });
    }
    return [...complete()];
  };
}
