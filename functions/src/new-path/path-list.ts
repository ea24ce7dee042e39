import { ConfigurationError } from '../errors/mirror-error';
import { LINE_WIDTH } from './declaration-file';

/** The file that lists a project's paths. */
export interface PathList {
  /** As a message names it. */
  file: string;
  text: string;
  /** What stands before the list's `[`, such as `export const PATHS = `. */
  opening: RegExp;
}

/**
 * The list with one more path: its import, in the order that Biome sorts them into, and its entry. Pure.
 *
 * @param module where the constant is imported from: `./paths/lp-awards`
 * @throws ConfigurationError where the file has no such list
 */
export function withPath(list: PathList, constant: string, module: string): string {
  return withImport(withEntry(list, constant), `import { ${constant} } from '${module}';`, module);
}

function withEntry({ file, text, opening }: PathList, constant: string): string {
  const code = codeOf(text);
  const match = new RegExp(`(?:${opening.source})\\[`).exec(code);
  const start = match === null ? -1 : match.index + match[0].length;
  const end = match === null ? -1 : closingOf(code, start);
  if (match === null || end === -1) {
    throw new ConfigurationError(
      `${file}: expected a list such as ${EXAMPLES.find((one) => opening.test(one)) ?? 'PATHS'}`,
    );
  }
  const inside = text.slice(start, end);
  const written = /^[\w$\s,.]*$/.test(inside)
    ? plainEntries([match[0], text.slice(end).split('\n', 1)[0] ?? ''], inside, constant)
    : anyEntries(inside, code.slice(start, end), constant);
  return text.slice(0, start) + written + text.slice(end);
}

/** The text with blanks in place of comments and quoted texts. */
function codeOf(text: string): string {
  return text.replace(
    /\/\/.*|\/\*[\s\S]*?\*\/|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`/g,
    (part) => part.replace(/[^\n]/g, ' '),
  );
}

/** The place of the bracket that ends a list. */
function closingOf(code: string, start: number): number {
  let depth = 1;
  for (let place = start; place < code.length; place += 1) {
    if (code[place] === '[') depth += 1;
    if (code[place] === ']') depth -= 1;
    if (depth === 0) return place;
  }
  return -1;
}

const EXAMPLES = ['export const PATHS = [] as const;', 'export default [];'];

/** Names alone: on one line where they fit. */
function plainEntries(
  [before, after]: readonly [string, string],
  inside: string,
  constant: string,
): string {
  const parts = inside.split(',').map((part) => part.trim());
  const entries = [...parts.filter((part) => part !== ''), constant];
  const oneLine = entries.join(', ');
  if (before.length + oneLine.length + after.length <= LINE_WIDTH) return oneLine;
  return `\n${entries.map((entry) => `  ${entry},\n`).join('')}`;
}

/** What else a list may hold stays as it is; `code` is the same without comments. */
function anyEntries(inside: string, code: string, constant: string): string {
  const last = code.trimEnd().length;
  const comma = last === 0 || code[last - 1] === ',' ? '' : ',';
  return `${inside.slice(0, last)}${comma}${inside.slice(last).trimEnd()}\n  ${constant},\n`;
}

const IMPORT = /^import .*? from '([^']+)';$/gm;

function withImport(text: string, line: string, module: string): string {
  const imports = [...text.matchAll(IMPORT)];
  const next = imports.find(([, other = '']) => compareModules(module, other) < 0);
  if (next !== undefined) return insertAt(text, next.index, `${line}\n`);
  const last = imports.at(-1);
  if (last === undefined) return `${line}\n\n${text}`;
  return insertAt(text, last.index + last[0].length, `\n${line}`);
}

function insertAt(text: string, place: number, inserted: string): string {
  return text.slice(0, place) + inserted + text.slice(place);
}

/** Packages before files, then as text, with numbers as numbers. */
function compareModules(first: string, second: string): number {
  const [isFile, isOtherFile] = [first, second].map((module) => module.startsWith('.'));
  if (isFile !== isOtherFile) return isFile ? 1 : -1;
  const [chunks, others] = [first, second].map((module) => module.match(/\d+|\D+/g) ?? []);
  for (const [place, chunk] of (chunks ?? []).entries()) {
    const other = others?.[place];
    if (other === undefined) return 1;
    if (chunk === other) continue;
    const difference = Number(chunk) - Number(other);
    if (Number.isFinite(difference) && difference !== 0) return difference;
    return chunk < other ? -1 : 1;
  }
  return -1;
}
