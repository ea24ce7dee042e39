/** Strings, which may span lines; comments; a comma before the end of a list. */
const TOKENS =
  /"(?:\\[\s\S]|[^"\\])*"|\/\/[^\n]*|\/\*[\s\S]*?\*\/|,(?=(?:\s|\/\/[^\n]*|\/\*[\s\S]*?\*\/)*[}\]])/g;

/**
 * Parses security rules of RTDB: JSON that may have comments, and line ends within strings.
 *
 * Source: https://firebase.google.com/docs/database/security/rules-conditions
 *
 * @throws SyntaxError where they are none
 */
export function parseRulesJson(text: string): unknown {
  return JSON.parse(
    text.replace(TOKENS, (token) => {
      if (token === ',') return '';
      return token.startsWith('"') ? token.replace(/[\n\r\t]/g, ' ') : ' ';
    }),
  );
}
