/**
 * The text of a setting, as every reader takes it: what was pasted, or written by `echo`, brings line
 * ends, spaces and invisible characters (a byte order mark, a zero-width space) along at both ends.
 */
export function settingText(text: string | undefined): string {
  return (text ?? '').replace(/^[\s\p{Cc}\p{Cf}]+|[\s\p{Cc}\p{Cf}]+$/gu, '');
}
