/** Strings, which may span lines, and comments. */
const STRING_OR_COMMENT = /"(?:\\[\s\S]|[^"\\])*"|\/\/[^\n]*|\/\*[\s\S]*?\*\//g;
/** Strings, and a comma before the end of a list. */
const STRING_OR_LAST_COMMA = /"(?:\\.|[^"\\])*"|,(?=\s*[}\]])/g;

/**
 * Parses security rules of RTDB: JSON that may have comments, and line ends within strings. In two
 * steps: one pattern for a comma and the comments after it takes hours over a line of slashes.
 *
 * Source: https://firebase.google.com/docs/database/security/rules-conditions
 *
 * @throws SyntaxError where they are none
 */
export function parseRulesJson(text: string): unknown {
  const withoutComments = text
    .replace(/^\ufeff/, '')
    .replace(STRING_OR_COMMENT, (token) =>
      token.startsWith('"') ? token.replace(/[\n\r\t]/g, ' ') : ' ',
    );
  return JSON.parse(
    withoutComments.replace(STRING_OR_LAST_COMMA, (token) => (token === ',' ? '' : token)),
  );
}
