import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const DOCS = join(__dirname, '..', '..', 'docs');
/** A block, indented as its list is; its first line names it. */
const BLOCK = /^( *)```(?:sql|sh)\n *(?:--|#) (.+)\n([\s\S]*?)^ *```$/gm;

/** The named code blocks of a page of docs/, so that tests play what the page says. */
export function blocksOf(page: string): (name: string) => string {
  const text = readFileSync(join(DOCS, page), 'utf8');
  const blocks = new Map(
    [...text.matchAll(BLOCK)].map(([, indent = '', name = '', code = '']) => [
      name,
      code.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
    ]),
  );
  return (name) => {
    const code = blocks.get(name);
    if (code === undefined) throw new Error(`docs/${page} has no block called "${name}"`);
    return code;
  };
}
