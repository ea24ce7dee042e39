import { printable } from './printable';

const MAX_LENGTH = 300;

/**
 * What a Google server says of its refusal, in the body of its answer: `{"error": "..."}` (RTDB) or
 * `{"error": {"message": "..."}}`, and RTDB's `correctUrl`. Bounded, on one line; null = it says nothing.
 *
 * @param secret what must not be shown, should the server repeat it
 */
export function errorText(body: string, secret?: string): string | null {
  let answer: unknown;
  try {
    answer = JSON.parse(body);
  } catch {
    return null;
  }
  const error = field(answer, 'error');
  const said = [error, field(error, 'message')].find((text) => typeof text === 'string');
  const correctUrl = field(answer, 'correctUrl');
  const text = [
    ...(typeof said === 'string' && said.trim() !== '' ? [said.trim()] : []),
    ...(typeof correctUrl === 'string' ? [`correctUrl: ${correctUrl}`] : []),
  ].join(' ');
  if (text === '') return null;
  const shown = printable(secret ? text.replaceAll(secret, '…') : text);
  return shown.length <= MAX_LENGTH ? shown : `${shown.slice(0, MAX_LENGTH)}…`;
}

function field(value: unknown, name: string): unknown {
  const isObject = typeof value === 'object' && value !== null && Object.hasOwn(value, name);
  return isObject ? Object.getOwnPropertyDescriptor(value, name)?.value : undefined;
}

/** The kind of an error, which is all that a log may show of one from outside. */
export function errorName(error: unknown): string {
  return error instanceof Error ? error.name : 'unknown';
}
