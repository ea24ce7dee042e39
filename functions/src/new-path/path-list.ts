import { ConfigurationError } from '../configuration-error';
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
  const match = new RegExp(`(${opening.source})\\[([^\\]]*)\\]([^\\n]*)`).exec(text);
  if (match === null) {
    throw new ConfigurationError(
      `${file}: expected a list such as ${EXAMPLES.find((one) => opening.test(one)) ?? 'PATHS'}`,
    );
  }
  const [whole, before = '', inside = '', after = ''] = match;
  const entries = entriesWith(inside, constant);
  const oneLine = `${before}[${entries.join(', ')}]${after}`;
  const isShort = oneLine.length <= LINE_WIDTH && !/\/[/*]/.test(inside);
  const written = isShort ? oneLine : `${before}[\n${entries.map(entryLine).join('')}]${after}`;
  return text.replace(whole, () => written);
}

function entryLine(entry: string): string {
  return entry.startsWith('//') ? `  ${entry}\n` : `  ${entry},\n`;
}

const EXAMPLES = ['export const PATHS = [] as const;', 'export default [];'];

function entriesWith(inside: string, constant: string): string[] {
  // With comments an entry is whatever a line holds.
  const isPlain = /^[\w$\s,]*$/.test(inside);
  const parts = inside.split(isPlain ? ',' : '\n').map((part) => part.trim().replace(/,$/, ''));
  return [...parts.filter((part) => part !== ''), constant];
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
