/**
 * Express prints what its parsers throw: V8's message repeats 20 characters of the body, with their
 * line ends, and the error holds the whole body. A line of the sender's own could pass for one of
 * ours. The HTTP functions hide their bodies (request-body.ts); this is for events and tasks.
 *
 * Source: express, `logerror`; http-errors, which gives each such error a `status`.
 */
// biome-ignore lint/suspicious/noConsole: what the framework itself prints by
const print = console.error;

console.error = (...values: unknown[]) => print(...values.map(loggable));

function loggable(value: unknown): unknown {
  if (!(value instanceof Error && 'status' in value)) return value;
  const { status } = value;
  const isOfSender = typeof status === 'number' && status >= 400 && status < 500;
  return isOfSender ? `The framework refused a request: ${status} ${value.name}` : value;
}
