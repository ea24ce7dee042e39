/** First keys that say where a tree lies, and last ones that say how it is kept: neither names it. */
const SAYS_LITTLE = new Set(
  [
    ...['app', 'data', 'dev', 'prod', 'root', 'v1', 'v2', 'version'],
    ...['couples', 'users', 'by_user', 'by_couple', 'days', 'dates'],
    ...['items', 'entries', 'list', 'records', 'values'],
  ].map(snakeCase),
);

/** `quizSessions`, `quiz-sessions` and `Quiz Sessions` are `quiz_sessions`. */
export function snakeCase(text: string): string {
  return text
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/[^A-Za-z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '')
    .toLowerCase();
}

/**
 * What to call a path whose ref has these literals: by the first, or by the last where the first says
 * little or is taken; null where no literal makes a name.
 */
export function nameOfLiterals(
  literals: readonly string[],
  isTaken: (name: string) => boolean,
): string | null {
  const names = literals.map((literal) => snakeCase(literal));
  const [first = '', last = ''] = [names[0], names.at(-1)];
  const candidates = [first.replace(/(?<=[a-z0-9])_data$/, ''), first, last];
  const isFree = (name: string) => /^[a-z][a-z0-9_]{0,39}$/.test(name) && !isTaken(name);
  const free = candidates.filter(isFree);
  const both = `${first}_${last}`;
  return free.find((name) => !SAYS_LITTLE.has(name)) ?? free[0] ?? (isFree(both) ? both : null);
}

/** `lp_awards` is mirrored by `mirrorLpAward`: one event is about one of them. */
export function triggerOf(name: string): string {
  const words = name.split('_').filter((word) => word !== '');
  const last = words.length - 1;
  const singulars = words.map((word, place) => (place === last ? singular(word) : word));
  return `mirror${singulars.map(capitalized).join('')}`;
}

/** The file of a declaration, without its ending: `lp-awards`. */
export function fileNameOf(name: string): string {
  return name.replace(/_+/g, '-').replace(/-$/, '');
}

/** What the declaration is exported as: `lpAwards`; it may not be a word of the language. */
export function constantOf(name: string, isTaken: (constant: string) => boolean): string {
  const [first = '', ...words] = name.split('_').filter((word) => word !== '');
  const constant = [first, ...words.map(capitalized)].join('');
  return RESERVED_WORDS.has(constant) || isTaken(constant) ? `${constant}Path` : constant;
}

function capitalized(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

function singular(word: string): string {
  if (/[^aeiou]ies$/.test(word)) return word.replace(/ies$/, 'y');
  if (/(ch|sh|x|ss|us)es$/.test(word)) return word.replace(/es$/, '');
  if (/zzes$/.test(word)) return word.replace(/zes$/, '');
  return /[^sui]s$/.test(word) ? word.slice(0, -1) : word;
}

/** What JavaScript, strict and in modules, takes for no name of a constant. */
const RESERVED_WORDS = new Set(
  (
    'arguments await break case catch class const continue debugger default delete do else enum eval ' +
    'export extends false finally for function if implements import in instanceof interface let new ' +
    'null package private protected public return static super switch this throw true try typeof ' +
    'undefined var void while with yield'
  ).split(' '),
);
