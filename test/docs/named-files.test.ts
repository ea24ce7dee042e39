import { execFileSync } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const ROOT = join(__dirname, '..', '..');
const ROOMS =
  'functions|migrations|test|docs|local|simulate|bench|ops|rtdb-standin|hosting|examples';
/** A file or folder of this repository, as text names it; `*` stands for any part of a name. */
const NAMED = new RegExp(`(?<![\\w./\${-])(?:${ROOMS})/[\\w./*-]+`, 'g');
/** A file named from functions/src on, as in `mirror/coalescer.ts`. */
const NAMED_IN_SRC = /(?<![\w./@${-])(?:[a-z-]+\/)+[\w-]+\.ts\b/g;
/** A link to a file beside the page. */
const LINKED = /\]\((?!https?:|#|mailto:)([^)#\s]+)/g;
const COMMENT = /^\s*(?:\/?\*|\/\/|--|#).*$|(?<=\s)\/\/\s.*$/gm;
/** What is made, and what a team's or another's package has of its own. */
const NOT_HERE = /^(?:functions\/(?:lib|node_modules|\.)|bench\/results|src\/)/;

const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], {
  cwd: ROOT,
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => file !== '' && existsSync(join(ROOT, file)));
const pages = files.filter((file) => /\.md$/.test(file) && !file.startsWith('test/fixtures/'));
const sources = files.filter((file) => /\.(?:ts|mjs|cjs|js|sql)$/.test(file));

const textOf = (file: string) => readFileSync(join(ROOT, file), 'utf8');

/** Jest takes a test's name without its ending. */
const isThere = (name: string) =>
  [name, `${name}.test.ts`, `functions/src/${name}`].some(
    (pattern) => globSync(pattern, { cwd: ROOT }).length > 0,
  );

/** Those that name nothing, with where they stand. */
function dead(file: string, text: string): string[] {
  const found = [...(text.match(NAMED) ?? []), ...(text.match(NAMED_IN_SRC) ?? [])];
  const named = found.map((name) => name.replace(/[./-]+$/, ''));
  return [...new Set(named)]
    .filter((name) => !NOT_HERE.test(name) && !isThere(name))
    .map((name) => `${file}: ${name}`);
}

test('the files and folders that a page names are there', () => {
  expect(pages.length).toBeGreaterThan(15);
  expect(pages.flatMap((file) => dead(file, textOf(file)))).toEqual([]);
});

test('the links of a page lead to a file', () => {
  const broken = pages.flatMap((file) =>
    [...textOf(file).matchAll(LINKED)]
      .map(([, target = '']) => target)
      .filter((target) => !existsSync(join(ROOT, dirname(file), target)))
      .map((target) => `${file}: ${target}`),
  );
  expect(broken).toEqual([]);
});

test('the files and folders that a comment names are there', () => {
  expect(sources.length).toBeGreaterThan(300);
  const named = sources.flatMap((file) =>
    (textOf(file).match(COMMENT) ?? []).flatMap((comment) => dead(file, comment)),
  );
  expect(named).toEqual([]);
});
