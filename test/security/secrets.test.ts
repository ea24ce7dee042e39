import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PARAMETERS } from '../../functions/src/deploy/parameters';

/** Where secrets may be, and that none is where it may not. The manifest: test/deploy/manifest.test.ts. */

const ROOT = join(__dirname, '..', '..');
const git = (...args: string[]) =>
  execFileSync('git', args, { cwd: ROOT, encoding: 'utf8' }).trim();
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');
const tracked = () =>
  git('ls-files')
    .split('\n')
    .filter((file) => !file.endsWith('package-lock.json'));

// Tests make up passwords of their own, and lists of packages have hashes.
const PLACES = /^(?!test\/)/;
const SECRETS = [
  // A password in a URL, but for the word `password`, variables and an ellipsis.
  /postgres(?:ql)?:\/\/[^\s:/@'"`]+:(?!password@|<password>@|\$\{|…)[^\s:/@'"`]{4,}@/,
  /-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----/,
  /"private_key"\s*:/,
  /\bAIza[\w-]{35}\b/,
  /\beyJ[\w-]{20,}\.[\w-]{20,}\.[\w-]{20,}/,
  /\bghp_\w{36}\b|\bAKIA[A-Z0-9]{16}\b/,
];

// Without git, as unpacked from an archive, nobody can tell what is kept.
const inGit = existsSync(join(ROOT, '.git')) ? describe : describe.skip;

inGit('as git has it', () => {
  test.each(['functions/.secret.local', 'functions/.env.local', '.local/x', 'functions/x.log'])(
    'git leaves %s alone',
    (file) => expect(git('check-ignore', file)).toBe(file),
  );

  test('what is deployed leaves local files behind', () => {
    const { functions } = JSON.parse(read('firebase.json')) as {
      functions: { ignore: string[] }[];
    };
    expect(functions[0]?.ignore).toEqual(expect.arrayContaining(['*.local', '*.log']));
  });

  test('no environment file that git has knows of DATABASE_URL, and none but the demo project has one', () => {
    const files = tracked().filter((file) => /(^|\/)\.env/.test(file));
    expect(files).toEqual(['functions/.env.demo-quests']);
    for (const file of files) expect(read(file)).not.toMatch(/DATABASE_URL|postgres(ql)?:/);
  });

  test('only config.ts reads a parameter, the secret among them', () => {
    const names = Object.keys(PARAMETERS).join('|');
    const reading = new RegExp(`\\benv\\.(${names})\\b|\\b(${names})\\.value\\(`);
    const readers = tracked()
      .filter((file) => /^functions\/src\//.test(file))
      .filter((file) => reading.test(read(file)));
    expect(readers).toEqual([]);
    expect(reading.test('process.env.QUEST_MIRROR_DATABASE_URL')).toBe(true);
  });

  test.each(SECRETS)('no file that is not a test has %s', (secret) => {
    const found = tracked()
      .filter((file) => PLACES.test(file))
      .filter((file) => secret.test(read(file)));
    expect(found).toEqual([]);
  });
});

test('the patterns find what they are for', () => {
  const examples = [
    'postgres://postgres.abcd:Sup3rSecret@aws-0.pooler.supabase.com:6543/postgres',
    '-----BEGIN RSA PRIVATE KEY-----',
    '{"private_key": "x"}',
    `AIza${'x'.repeat(35)}`,
    `eyJ${'x'.repeat(20)}.${'y'.repeat(20)}.${'z'.repeat(20)}`,
    `ghp_${'x'.repeat(36)}`,
  ];
  expect(SECRETS.map((secret, index) => secret.test(examples[index] ?? ''))).toEqual(
    examples.map(() => true),
  );
});
