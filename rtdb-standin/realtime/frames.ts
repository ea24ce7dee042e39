const MAX_FRAME_LENGTH = 16_384;
const COUNT = /^\d{1,6}$/;
/** Beyond any message that RTDB takes: writes end at 16 MB. */
export const MAX_MESSAGE_LENGTH = 48 * 1024 * 1024;

/**
 * Splits a message as the SDKs do: up to 16,384 UTF-16 units a frame, and first a frame with their
 * number where there are several. A surrogate pair is kept together, or UTF-8 would lose it.
 */
export function splitFrames(message: string): string[] {
  if (message.length <= MAX_FRAME_LENGTH) {
    return [message];
  }
  const frames: string[] = [];
  let start = 0;
  while (start < message.length) {
    let end = Math.min(start + MAX_FRAME_LENGTH, message.length);
    const last = message.charCodeAt(end - 1);
    if (end < message.length && last >= 0xd800 && last <= 0xdbff) {
      end -= 1;
    }
    frames.push(message.slice(start, end));
    start = end;
  }
  return [String(frames.length), ...frames];
}

/** Puts frames together again: returns the message that a frame completes, or null. `0` keeps alive.
 * Throws on a message that is too long. */
export function frameJoiner(): (frame: string) => string | null {
  let expected = 0;
  let frames: string[] = [];
  let length = 0;
  return (frame) => {
    if (expected === 0) {
      if (!COUNT.test(frame)) {
        return frame;
      }
      expected = Number(frame);
      return null;
    }
    frames.push(frame);
    length += frame.length;
    if (length > MAX_MESSAGE_LENGTH) {
      throw new Error(`a message of more than ${MAX_MESSAGE_LENGTH} characters`);
    }
    if (frames.length < expected) {
      return null;
    }
    const message = frames.join('');
    expected = 0;
    frames = [];
    length = 0;
    return message;
  };
}
