export const QUOTE = 0x22;
const BACKSLASH = 0x5c;
export const COMMA = 0x2c;
export const COLON = 0x3a;
export const OPEN_OBJECT = 0x7b;
export const CLOSE_OBJECT = 0x7d;
export const OPEN_LIST = 0x5b;
export const CLOSE_LIST = 0x5d;

const [PLAIN, TEXT, OPENS, CLOSES] = [0, 1, 2, 3];
/** What a byte outside of text does to the nesting. */
const KIND = new Uint8Array(256);
KIND[QUOTE] = TEXT as number;
for (const byte of [OPEN_OBJECT, OPEN_LIST]) KIND[byte] = OPENS as number;
for (const byte of [CLOSE_OBJECT, CLOSE_LIST]) KIND[byte] = CLOSES as number;

/** What ends a number or a word: white space, a comma, a closing bracket. */
const ENDS_WORD = new Uint8Array(256);
for (const byte of [...Buffer.from(' \t\n\r,]}')]) ENDS_WORD[byte] = 1;

export function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

/**
 * Where one JSON value ends, found without looking at what it says, also where it comes in several
 * chunks. What is inside is not checked: a value that is wanted is parsed, the others don't matter.
 */
export class ValueScan {
  #nesting = 0;
  #isInText = false;
  #isWord = false;
  /** Bytes at the head of the next chunk that follow a backslash. */
  #escaped = 0;

  /** To be called before each value, with its first byte. */
  begin(first: number): void {
    const kind = KIND[first] as number;
    this.#nesting = 0;
    this.#isInText = false;
    this.#escaped = 0;
    this.#isWord = kind === PLAIN;
  }

  /** Whether the value is a number or a word: such a value ends with the file as well. */
  get isWord(): boolean {
    return this.#isWord;
  }

  /** @returns the place after the value's last byte; -1 = it goes on in the next chunk */
  endIn(bytes: Buffer, from: number): number {
    if (this.#isWord) return endOfWord(bytes, from);
    const size = bytes.length;
    let at = from + this.#escaped;
    let nesting = this.#nesting;
    let isInText = this.#isInText;
    this.#escaped = 0;
    while (at < size) {
      if (isInText) {
        const byte = bytes[at] as number;
        at += byte === BACKSLASH ? 2 : 1;
        if (byte !== QUOTE) continue;
        isInText = false;
        if (nesting === 0) return at;
        continue;
      }
      const kind = KIND[bytes[at] as number] as number;
      at += 1;
      if (kind === PLAIN) continue;
      if (kind === TEXT) isInText = true;
      else if (kind === OPENS) nesting += 1;
      else {
        nesting -= 1;
        if (nesting === 0) return at;
      }
    }
    this.#escaped = at - size;
    this.#nesting = nesting;
    this.#isInText = isInText;
    return -1;
  }
}

function endOfWord(bytes: Buffer, from: number): number {
  for (let at = from; at < bytes.length; at += 1) {
    if (ENDS_WORD[bytes[at] as number] === 1) return at;
  }
  return -1;
}

/** Slots of the texts that were read lately; a power of two. */
const SLOTS = 4_096;

/**
 * Reads a text, mostly a key. Keys come again and again: one that was read lately is not made anew,
 * which costs more than all else that is done with it.
 */
export class TextScan {
  /** The text that `endIn` found; null = it has escapes or isn't ASCII, and has to be parsed. */
  plain: string | null = null;
  readonly #lately: (string | undefined)[] = new Array(SLOTS).fill(undefined);

  /**
   * @param from the place after the first quote
   * @returns the place of the quote that ends it; -1 = it goes on in the next chunk
   */
  endIn(bytes: Buffer, from: number): number {
    const size = bytes.length;
    let hash = 0;
    let odd = 0;
    for (let at = from; at < size; at += 1) {
      const byte = bytes[at] as number;
      if (byte === QUOTE) {
        this.plain = odd === 0 ? this.#text(bytes, from, at, hash) : null;
        return at;
      }
      if (byte === BACKSLASH) {
        odd = 1;
        at += 1;
      }
      // What isn't ASCII, and control characters, which JSON has to escape.
      if (byte >= 0x80 || byte < 0x20) odd = 1;
      hash = (Math.imul(hash, 31) + byte) | 0;
    }
    return -1;
  }

  #text(bytes: Buffer, from: number, to: number, hash: number): string {
    const slot = (hash ^ (hash >>> 15)) & (SLOTS - 1);
    const known = this.#lately[slot];
    if (known !== undefined && isText(known, bytes, from, to)) return known;
    const text = bytes.toString('latin1', from, to);
    this.#lately[slot] = text;
    return text;
  }
}

function isText(text: string, bytes: Buffer, from: number, to: number): boolean {
  if (text.length !== to - from) return false;
  for (let at = from; at < to; at += 1) {
    if (text.charCodeAt(at - from) !== bytes[at]) return false;
  }
  return true;
}

/** Digits that a double holds exactly. */
const MAX_DIGITS = 15;

/** `true`, or a whole number: what most leaves are, without a text made of it; undefined = another. */
export function simpleValue(bytes: Buffer, from: number, to: number): true | number | undefined {
  const first = bytes[from] as number;
  const size = to - from;
  if (first === 0x74) return size === 4 && isTrue(bytes, from) ? true : undefined;
  if (first < 0x31 || first > 0x39 || size > MAX_DIGITS) return undefined;
  let number = 0;
  for (let at = from; at < to; at += 1) {
    const digit = (bytes[at] as number) - 0x30;
    if (digit < 0 || digit > 9) return undefined;
    number = number * 10 + digit;
  }
  return number;
}

function isTrue(bytes: Buffer, from: number): boolean {
  return bytes[from + 1] === 0x72 && bytes[from + 2] === 0x75 && bytes[from + 3] === 0x65;
}
