import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import packageJson from '../../package.json';
import { runCommand } from '../support/command';

/** What a page tells people to type or to look for, held against what is there. */

const ROOT = join(__dirname, '..', '..');
const list = (...patterns: string[]) =>
  execFileSync('git', ['ls-files', '-co', '--exclude-standard', '--', ...patterns], {
    cwd: ROOT,
    encoding: 'utf8',
  })
    .split('\n')
    .filter((file) => file !== '' && !file.startsWith('test/fixtures/'));
const textOf = (file: string) => readFileSync(join(ROOT, file), 'utf8');
const pages = list('*.md');

const SOURCES = list('*.ts', '*.mjs', '*.cjs', '*.json', '*.yml', '.ci/run', '.env*');
let sources: string | null = null;
const sourceText = () => {
  sources ??= SOURCES.map(textOf).join('\n');
  return sources;
};

/** Of npm, gcloud, firebase-tools and functions-framework. */
const OTHERS = {
  npm: new Set(['install', 'ci', 'pack', 'publish', 'config', 'view', 'run', 'audit', 'version']),
  options: new Set(['--role', '--scopes', '--export-on-exit']),
  settings: new Set(['LOG_EXECUTION_ID']),
};

const FENCE = /^( *)```[\s\S]*?^\1```/gm;
/** Code that a page shows: its spans, and the lines of its blocks without their comments. */
function codeOf(page: string): string[] {
  const text = textOf(page);
  const lines = (text.match(FENCE) ?? []).flatMap((block) => block.split('\n').slice(1, -1));
  const spans = [...text.replace(FENCE, '').matchAll(/`([^`]+)`/g)].map(([, code = '']) => code);
  return [...lines.map((line) => line.replace(/\s#.*$/, '')), ...spans].map((code) => code.trim());
}

/** GitHub's anchor of a heading. */
const anchorOf = (heading: string) =>
  heading
    .toLowerCase()
    .replace(/\]\([^)]*\)/g, '')
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replace(/\s/g, '-');

function anchorsOf(page: string): Set<string> {
  const headings =
    textOf(page)
      .replace(FENCE, '')
      .match(/^#+ .*$/gm) ?? [];
  return new Set(headings.map((heading) => anchorOf(heading.replace(/^#+ /, ''))));
}

test('a link to a section leads to a heading', () => {
  const broken = pages.flatMap((page) =>
    [...textOf(page).matchAll(/\]\(([^)\s:]*\.md)?#([^)\s]+)\)/g)]
      .filter(([, file, anchor = '']) => {
        const target = file === undefined ? page : join(dirname(page), file);
        return !anchorsOf(target).has(anchor);
      })
      .map(([link]) => `${page}: ${link}`),
  );
  expect(broken).toEqual([]);
});

/** The page of a command that shows its options and, of the program itself, its verbs. */
const helpOf = async (...args: string[]) => (await runCommand([...args, '--help'], {})).out;

const optionsIn = (text: string) => new Set(text.match(/(?<![\w-])--[a-z][a-z-]*/g) ?? []);

async function verbs(): Promise<Map<string, Set<string>>> {
  const [, commands = ''] = (await helpOf()).split('Commands:');
  const names = [...commands.matchAll(/^ {2}([a-z-]+)/gm)].map(([, name = '']) => name);
  const helps = await Promise.all(
    names.map(async (name) => [name, optionsIn(await helpOf(name))] as const),
  );
  return new Map(helps);
}

/** A command line of the mirror's, as any page writes it: `mirror <verb> …`. */
const MIRROR_LINE =
  /(?:npm run mirror --|npx quest-mirror|(?<![\w-]|schema )mirror) ([a-z][a-z-]*)(.*)$/;

const isLogLine = (code: string) => sourceText().includes(`'${code}'`);

test('a verb that a page names is there, and takes the options that stand behind it', async () => {
  const known = await verbs();
  expect([...known.keys()]).toEqual(expect.arrayContaining(['migrate', 'report', 'simulate']));
  const wrong = pages.flatMap((page) =>
    codeOf(page).flatMap((code) => {
      const [, verb = '', rest = ''] = MIRROR_LINE.exec(code) ?? [];
      if (verb === '' || isLogLine(code)) return [];
      const options = known.get(verb);
      if (options === undefined) return [`${page}: ${code}`];
      return [...optionsIn(rest)]
        .filter((option) => !options.has(option))
        .map((option) => `${page}: ${verb} ${option}`);
    }),
  );
  expect(wrong).toEqual([]);
});

test('a script that a page runs is one of package.json', () => {
  const scripts = new Set(Object.keys(packageJson.scripts));
  const wrong = pages.flatMap((page) =>
    codeOf(page).flatMap((code) =>
      [...code.matchAll(/\bnpm (?:run )?([a-z][\w:-]*)(?= |$)/g)]
        .map(([, name = '']) => name)
        .filter((name) => !OTHERS.npm.has(name) && !scripts.has(name))
        .map((name) => `${page}: npm ${name}`),
    ),
  );
  expect(wrong).toEqual([]);
});

test('an option that a page shows by itself is one of a program here, or of one that it names', () => {
  const text = sourceText();
  const wrong = pages.flatMap((page) =>
    codeOf(page)
      .filter((code) => code.startsWith('--'))
      .flatMap((code) => [...optionsIn(code)])
      .filter((option) => !OTHERS.options.has(option))
      // Programs of ours declare theirs as '--name' or, with parseArgs, as a key.
      .filter((option) => {
        const name = option.slice(2);
        return ![option, `'${name}':`, ` ${name}: {`].some((form) => text.includes(form));
      })
      .map((option) => `${page}: ${option}`),
  );
  expect(wrong).toEqual([]);
});

test('a setting that a page names is read somewhere', () => {
  const text = sourceText();
  const wrong = pages.flatMap((page) =>
    codeOf(page)
      .flatMap((code) => code.match(/^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+(?=$|=)/) ?? [])
      .filter((name) => !OTHERS.settings.has(name) && !text.includes(name))
      .map((name) => `${page}: ${name}`),
  );
  expect(wrong).toEqual([]);
});

const RELATION = /(?<![\w./-])(?:mirror|rtdb)\.[a-z][a-z0-9_]*/g;
/** What a page's own SQL makes. */
const MADE = /(?:create table|rename to|set schema) +(?:(?:mirror|rtdb)\.)?([a-z0-9_]+)/g;

test('a table or function that a page names is in the schema', () => {
  const schema = textOf('docs/schema.sql') + sourceText();
  const wrong = pages.flatMap((page) => {
    const made = new Set([...textOf(page).matchAll(MADE)].map(([, name]) => name));
    return codeOf(page)
      .flatMap((code) => code.match(RELATION) ?? [])
      .filter((name) => !schema.includes(name) && !made.has(name.split('.')[1]))
      .map((name) => `${page}: ${name}`);
  });
  expect(wrong).toEqual([]);
});
