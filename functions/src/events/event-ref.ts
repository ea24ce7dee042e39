/**
 * The RTDB path that an event names, whatever way it travelled.
 *
 * In a structured CloudEvent (a JSON body) `ref` is literal. In binary mode it is the header
 * `ce-ref`: the CloudEvents HTTP binding (section 3.1.3.2) wants everything but printable ASCII, and
 * `%` itself, percent-encoded; a sender that writes raw UTF-8 instead is read by Node as Latin-1.
 * The SDK's `params` are decoded in both modes, which makes the keys `a%41` and `aA` one: so keys
 * come from here alone.
 *
 * What tells the modes apart is `datacontenttype`: in binary mode it is the header Content-Type and
 * must not come as an attribute (section 3.1.1). A structured event may leave it out; then a literal
 * `%41` in a key is taken for an escape. Production delivers in binary mode.
 *
 * @param ref the event's `ref` as the SDK hands it over
 * @param structured whether the event came in structured mode
 */
export function pathOfRef(ref: string, structured: boolean): string {
  const path = structured ? ref : decodeHeader(ref);
  return path.replace(/^\/+|\/+$/g, '');
}

function decodeHeader(header: string): string {
  const text = asUtf8(header);
  // Not one that the binding's rules produced: take it as it stands.
  if (!text.includes('%') || /%(?![0-9A-Fa-f]{2})/.test(text)) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function asUtf8(header: string): string {
  if (!/[\u0080-\u00ff]/.test(header) || /[\u0100-\uffff]/.test(header)) return header;
  const text = Buffer.from(header, 'latin1').toString('utf8');
  return text.includes('\ufffd') ? header : text;
}
