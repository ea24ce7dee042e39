import { REFUSED_IN_KEY } from '../values/rtdb-key';

/**
 * The RTDB path that an event names, however it travelled.
 *
 * In a structured CloudEvent (a JSON body) `ref` is literal. In binary mode it is the header
 * `ce-ref`: the CloudEvents HTTP binding (section 3.1.3.2) wants everything but printable ASCII, and
 * `%` itself, percent-encoded. Not every sender does that: Eventarc was seen to write raw UTF-8
 * (firebase-functions issue 1459), which Node reads as Latin-1, and then a `%` stands for itself.
 * The SDK's `params` are decoded in both modes, which makes the keys `a%41` and `aA` one: so keys
 * come from here alone.
 *
 * What tells the modes apart is `datacontenttype`: in binary mode it is the header Content-Type and
 * must not come as an attribute (section 3.1.1). A structured event may leave it out.
 *
 * @param ref the event's `ref`
 * @param structured whether the event came in structured mode
 */
export function pathOfRef(ref: string, structured: boolean): string {
  const path = structured ? ref : textOfHeader(ref);
  return path.replace(/^\/+|\/+$/g, '');
}

/** The text that a header of a binary CloudEvent stands for. */
export function textOfHeader(header: string): string {
  const text = asUtf8(header);
  return text.includes('%') && isEncoded(text) ? decodeURIComponent(text) : text;
}

/**
 * Whether an encoder wrote the text. None leaves what must be encoded, or encodes a letter or digit;
 * and none can have met what no key holds. `/` is a key's part nowhere: encoded beside a literal one,
 * the author of the key wrote it out.
 */
function isEncoded(text: string): boolean {
  if (/[^!#-~]/.test(text)) return false;
  const decoded = decodedOrNull(text);
  if (decoded === null || decoded.includes('\ufffd')) return false;
  for (const [, code = ''] of text.matchAll(/%([0-7][0-9A-F])/gi)) {
    const character = String.fromCharCode(Number.parseInt(code, 16));
    if (/[A-Za-z0-9]/.test(character)) return false;
    if (character === '/' ? text.includes('/') : REFUSED_IN_KEY.test(character)) return false;
  }
  return true;
}

function decodedOrNull(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

function asUtf8(header: string): string {
  if (!/[\u0080-\u00ff]/.test(header) || /[\u0100-\uffff]/.test(header)) return header;
  const text = Buffer.from(header, 'latin1').toString('utf8');
  return text.includes('\ufffd') ? header : text;
}
