/**
 * What a terminal would act on instead of showing it: controls, and formats such as bidi overrides
 * that make text read as something else. Source: Unicode Technical Report 36, section 3.
 */
const NOT_SHOWN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Surrogate}]/gu;

/** Text from outside, fit for one line of a terminal: such characters are written out. */
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

/** One line of JSON, with those characters as JSON's own escapes: a terminal may show it, too. */
export function jsonLine(value: unknown): string {
  const escaped = JSON.stringify(value).replace(NOT_SHOWN, (character) =>
    Array.from({ length: character.length }, (_, unit) => unitEscape(character, unit)).join(''),
  );
  return `${escaped}\n`;
}

function unitEscape(character: string, unit: number): string {
  return `\\u${character.charCodeAt(unit).toString(16).padStart(4, '0')}`;
}
