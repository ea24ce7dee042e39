import { isUtf8 } from 'node:buffer';
import type { MirroredPath } from '../paths/mirrored-path';
import type { Json } from '../values/json';
import { atByte, BackupError } from './backup-error';
import * as scan from './json-scan';
import { childPlace, type Place, placesOf } from './places';
import { type ShardPiece, ShardPieces } from './shard-pieces';

/** What may come next. */
type Expected =
  | 'root'
  | 'first key'
  | 'key'
  | 'colon'
  | 'value'
  | 'first item'
  | 'item'
  | 'comma'
  | 'nothing'
  /** The rest of a value that somebody wants, or nobody. */
  | 'rest of value'
  | 'rest skipped';

/** Most bytes of one value, three times RTDB's limit, and of a key that is all escapes. */
const MAX_VALUE_BYTES = 32_000_000;
const MAX_KEY_BYTES = 6 * 768 + 2;

/** A node that holds others, while these are read one by one. */
interface Branch {
  place: Place;
  /** The next item's number in a list; null = an object. */
  nextItem: number | null;
}

/**
 * Splits the JSON of a whole database into the leaves of some paths, in bounded memory: it follows
 * the brackets, parses the values that paths want, and looks for the end of all others. Those are
 * not checked further, so JSON that is broken inside a tree that nobody mirrors may pass.
 */
export class TreeSplitter {
  readonly #pieces: ShardPieces;
  readonly #root: Place;
  readonly #branches: Branch[] = [];
  /** Keys from the root to the present node; what lies deeper is left from before. */
  readonly #keys: string[] = [];
  readonly #value = new scan.ValueScan();
  readonly #texts = new scan.TextScan();
  #expected: Expected = 'root';
  /** Of the value that is being read. */
  #place: Place | null = null;
  /** Chunks of the wanted value so far. */
  #head: Buffer[] = [];
  #headBytes = 0;
  /** The beginning of a key, to be read again with what follows. */
  #carried: Buffer | null = null;
  /** Where the present chunk begins in the JSON. */
  #offset = 0;

  constructor(paths: readonly MirroredPath[]) {
    const { root, parts } = placesOf(paths);
    this.#root = root;
    this.#pieces = new ShardPieces(paths, parts);
  }

  /**
   * Takes the next bytes.
   *
   * @returns the pieces that they completed
   * @throws BackupError with the byte where it is no JSON, or not an object
   */
  write(chunk: Buffer): ShardPiece[] {
    const bytes = this.#carried === null ? chunk : Buffer.concat([this.#carried, chunk]);
    this.#carried = null;
    let at = 0;
    while (at < bytes.length) {
      const next = this.#step(bytes, at);
      if (next === -1) {
        if (bytes.length - at > MAX_KEY_BYTES)
          throw this.#complaint(at, 'has a key without an end');
        this.#carried = bytes.subarray(at);
        break;
      }
      at = next;
    }
    this.#offset += at;
    return this.#pieces.take();
  }

  /**
   * To be called after the last bytes.
   *
   * @throws BackupError where the JSON is cut off
   */
  end(): ShardPiece[] {
    if (this.#expected === 'root') throw new BackupError('the backup is empty');
    if (this.#expected !== 'nothing') {
      const size = this.#offset + (this.#carried?.length ?? 0);
      throw atByte(size, 'is cut off: its JSON ends before the database does');
    }
    this.#pieces.end();
    return this.#pieces.take();
  }

  /** @returns the place after what it took; -1 = a key goes on in the next chunk */
  #step(bytes: Buffer, at: number): number {
    if (this.#expected === 'rest skipped') return this.#skip(bytes, at);
    if (this.#expected === 'rest of value') return this.#collect(bytes, at);
    const byte = bytes[at] as number;
    if (scan.isSpace(byte)) return at + 1;
    switch (this.#expected) {
      case 'comma':
        return this.#afterValue(byte, at);
      case 'key':
      case 'first key':
        return this.#readKey(bytes, at);
      case 'colon':
        if (byte !== scan.COLON) throw this.#unexpected(at, 'a colon');
        this.#expected = 'value';
        return at + 1;
      case 'first item':
        if (byte === scan.CLOSE_LIST) return this.#leave(at);
        return this.#readItem(bytes, at);
      case 'item':
        return this.#readItem(bytes, at);
      case 'value':
        return this.#readValue(bytes, at);
      case 'root':
        return this.#enterRoot(bytes, at);
      default:
        throw this.#complaint(at, 'has more after its end');
    }
  }

  #enterRoot(bytes: Buffer, at: number): number {
    const byte = bytes[at];
    // A byte order mark, as some editors write.
    if (byte === 0xef && this.#offset + at < 3) return at + 1;
    if ((byte === 0xbb || byte === 0xbf) && this.#offset + at < 3) return at + 1;
    if (byte !== scan.OPEN_OBJECT) {
      throw this.#complaint(at, `isn't RTDB's: expected {, found ${shown(byte)}`);
    }
    return this.#enter(this.#root, byte, at);
  }

  #readKey(bytes: Buffer, at: number): number {
    const byte = bytes[at];
    if (byte === scan.CLOSE_OBJECT && this.#expected === 'first key') return this.#leave(at);
    if (byte !== scan.QUOTE) throw this.#unexpected(at, 'a key');
    const end = this.#texts.endIn(bytes, at + 1);
    if (end === -1) return -1;
    const { place } = this.#branches.at(-1) as Branch;
    const key = this.#texts.plain ?? (this.#parse(bytes, at, end + 1) as string);
    this.#keys[this.#branches.length - 1] = key;
    this.#place = childPlace(place, key);
    // Mostly it stands right there, and each turn of `write` costs.
    const hasColon = bytes[end + 1] === scan.COLON;
    this.#expected = hasColon ? 'value' : 'colon';
    return hasColon ? end + 2 : end + 1;
  }

  #readItem(bytes: Buffer, at: number): number {
    const branch = this.#branches.at(-1) as Branch;
    const key = String(branch.nextItem);
    branch.nextItem = (branch.nextItem ?? 0) + 1;
    this.#keys[this.#branches.length - 1] = key;
    this.#place = childPlace(branch.place, key);
    return this.#readValue(bytes, at);
  }

  #readValue(bytes: Buffer, at: number): number {
    const byte = bytes[at] as number;
    const place = this.#place;
    const isBranch = byte === scan.OPEN_OBJECT || byte === scan.OPEN_LIST;
    if (place !== null && isBranch && place.leafOf.length === 0)
      return this.#enter(place, byte, at);
    if (!isBranch && !isScalar(byte)) throw this.#unexpected(at, 'a value');
    this.#value.begin(byte);
    this.#expected = place === null ? 'rest skipped' : 'rest of value';
    return place === null ? this.#skip(bytes, at) : this.#collect(bytes, at);
  }

  #enter(place: Place, bracket: number, at: number): number {
    const isList = bracket === scan.OPEN_LIST;
    this.#branches.push({ place, nextItem: isList ? 0 : null });
    this.#expected = isList ? 'first item' : 'first key';
    return at + 1;
  }

  #leave(at: number): number {
    const { place } = this.#branches.pop() as Branch;
    this.#pieces.leave(place, this.#keys);
    this.#expected = this.#branches.length === 0 ? 'nothing' : 'comma';
    return at + 1;
  }

  #afterValue(byte: number, at: number): number {
    const isList = (this.#branches.at(-1) as Branch).nextItem !== null;
    if (byte === scan.COMMA) {
      this.#expected = isList ? 'item' : 'key';
      return at + 1;
    }
    if (byte === (isList ? scan.CLOSE_LIST : scan.CLOSE_OBJECT)) return this.#leave(at);
    throw this.#unexpected(at, `a comma or ${isList ? ']' : '}'}`);
  }

  #skip(bytes: Buffer, at: number): number {
    const end = this.#value.endIn(bytes, at);
    if (end === -1) return bytes.length;
    return this.#valueEnded(bytes, end);
  }

  #collect(bytes: Buffer, at: number): number {
    const end = this.#value.endIn(bytes, at);
    if (end === -1) {
      this.#keepHead(bytes.subarray(at), at);
      return bytes.length;
    }
    if (this.#head.length === 0) {
      this.#found(this.#parse(bytes, at, end), end - at);
      return this.#valueEnded(bytes, end);
    }
    this.#keepHead(bytes.subarray(0, end), at);
    const whole = Buffer.concat(this.#head);
    this.#head = [];
    this.#headBytes = 0;
    this.#found(this.#parse(whole, 0, whole.length, end - whole.length), whole.length);
    return this.#valueEnded(bytes, end);
  }

  #keepHead(part: Buffer, at: number): void {
    this.#head.push(part);
    this.#headBytes += part.length;
    if (this.#headBytes > MAX_VALUE_BYTES) {
      throw this.#complaint(at, `has a value of more than ${MAX_VALUE_BYTES / 1e6} MB`);
    }
  }

  #found(value: Json, bytes: number): void {
    this.#pieces.add(this.#place as Place, this.#keys, this.#branches.length, value, bytes);
  }

  #valueEnded(bytes: Buffer, at: number): number {
    if (bytes[at] === scan.COMMA) return this.#afterValue(scan.COMMA, at);
    this.#expected = 'comma';
    return at;
  }

  /** @param place where it begins, seen from the present chunk */
  #parse(bytes: Buffer, from: number, to: number, place = from): Json {
    const simple = scan.simpleValue(bytes, from, to);
    if (simple !== undefined) return simple;
    const text = bytes.toString('utf8', from, to);
    if (text.includes('\ufffd') && !isUtf8(bytes.subarray(from, to))) {
      throw this.#complaint(place, "isn't UTF-8");
    }
    try {
      return JSON.parse(text);
    } catch {
      throw this.#complaint(place, "isn't JSON: it has a value that can't be parsed");
    }
  }

  #unexpected(at: number, what: string): BackupError {
    return this.#complaint(at, `isn't JSON: expected ${what}`);
  }

  #complaint(at: number, complaint: string): BackupError {
    return atByte(this.#offset + at, complaint);
  }
}

function isScalar(byte: number): boolean {
  // A quote, a minus, a digit, or the first letter of true, false, null.
  if (byte === scan.QUOTE || byte === 0x2d || (byte >= 0x30 && byte <= 0x39)) return true;
  return byte === 0x74 || byte === 0x66 || byte === 0x6e;
}

function shown(byte: number | undefined): string {
  const isVisible = byte !== undefined && byte > 0x20 && byte < 0x7f;
  return isVisible ? String.fromCharCode(byte) : `the byte 0x${byte?.toString(16)}`;
}
