import { randomInt } from 'node:crypto';

const ALPHABET = '-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz';

function encodeTime(ms: number): string {
  let text = '';
  for (let rest = ms, digit = 0; digit < 8; digit += 1) {
    text = `${ALPHABET[rest % 64]}${text}`;
    rest = Math.floor(rest / 64);
  }
  return text;
}

/** Makes push ids: 8 characters of time, 12 random ones that count up within a millisecond. */
export function pushIds(): (nowMs: number) => string {
  let lastMs = -1;
  let tail: number[] = [];
  return (nowMs) => {
    if (nowMs === lastMs) {
      let position = tail.length - 1;
      while (position > 0 && tail[position] === 63) {
        tail[position] = 0;
        position -= 1;
      }
      tail[position] = ((tail[position] ?? 0) + 1) % 64;
    } else {
      tail = Array.from({ length: 12 }, () => randomInt(64));
    }
    lastMs = nowMs;
    return encodeTime(nowMs) + tail.map((digit) => ALPHABET[digit]).join('');
  };
}
