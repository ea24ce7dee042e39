import { NOT_SHOWN } from '../values/printable';

export { printable, printableValue } from '../values/printable';

/**
 * Text of any origin as a terminal may be given it: whatever it would act on is written out, but line
 * ends. As JSON writes it, so that JSON stays JSON.
 */
export function forTerminal(text: string): string {
  return text.replace(NOT_SHOWN, (character) =>
    character === '\n'
      ? character
      : Array.from({ length: character.length }, (_, unit) => unitEscape(character, unit)).join(''),
  );
}

/** One line of JSON, with what is not shown as JSON's own escapes. */
export function jsonLine(value: unknown): string {
  return `${forTerminal(JSON.stringify(value))}\n`;
}

function unitEscape(character: string, unit: number): string {
  return `\\u${character.charCodeAt(unit).toString(16).padStart(4, '0')}`;
}
