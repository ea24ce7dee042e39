import { NOT_SHOWN } from '../functions/src/values/printable';

export { printable, printableValue } from '../functions/src/values/printable';

/** One line of JSON, with what is not shown as JSON's own escapes: a terminal may show it, too. */
export function jsonLine(value: unknown): string {
  const escaped = JSON.stringify(value).replace(NOT_SHOWN, (character) =>
    Array.from({ length: character.length }, (_, unit) => unitEscape(character, unit)).join(''),
  );
  return `${escaped}\n`;
}

function unitEscape(character: string, unit: number): string {
  return `\\u${character.charCodeAt(unit).toString(16).padStart(4, '0')}`;
}
