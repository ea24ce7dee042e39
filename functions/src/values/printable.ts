/**
 * What a terminal or a page would act on instead of showing it: controls, and formats such as bidi
 * overrides that make text read as something else. Source: Unicode Technical Report 36, section 3.
 */
export const NOT_SHOWN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Surrogate}]/gu;

/** Text from outside, fit for one line: such characters are written out. */
export function printable(text: string): string {
  return text.replace(NOT_SHOWN, (character) => {
    const code = (character.codePointAt(0) ?? 0).toString(16);
    return code.length > 4 ? `\\u{${code}}` : `\\u${code.padStart(4, '0')}`;
  });
}

/** A value from outside as JSON on one line, cut where it is long. */
export function printableValue(value: unknown, maxLength = 400): string {
  const text = printable(JSON.stringify(value) ?? 'null');
  return text.length <= maxLength ? text : `${text.slice(0, maxLength)}… (${text.length} chars)`;
}
