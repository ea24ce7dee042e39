import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PATHS } from '../../functions/src/app-paths';
import { rulesCheck } from '../../functions/src/cli/doctor/rtdb-checks';
import { parseRulesJson } from '../../functions/src/cli/doctor/rules-on-path';
import { questCompletions } from '../../functions/src/paths/quest-completions/quest-completions';

/** Any valid rules are read, and no advice would shut the app out. */

const OURS = readFileSync(join(__dirname, '..', '..', 'database.rules.json'), 'utf8');

const FILES = [{ name: 'database.rules.json', rules: parseRulesJson(OURS) }];

const check = (rules: string, paths: Parameters<typeof rulesCheck>[2] = [questCompletions]) =>
  rulesCheck(parseRulesJson(rules), FILES, paths);

const LEAF = (rules: string) => `{ "rules": { "daily_quests": { "$couple": { "$day": {
  "completions": { "$quest": { "$user": ${rules} } } } } } } }`;

test.each([
  ['as they are', OURS],
  ['with comments', `// ours\n${OURS.replaceAll('".read"', '/* who "reads" */ ".read"')}`],
  ["with Windows' line ends", OURS.replaceAll('\n', '\r\n')],
  ['with a byte order mark', `\ufeff${OURS}`],
  ['with lines of slashes', OURS.replaceAll(',\n', `, ${'/'.repeat(80)}\n`)],
])('ours are known %s', (_case, rules) => {
  const { status, finding } = check(rules);
  expect(status).toBe('ok');
  expect(finding).toMatch(
    /^those of database\.rules\.json: quest_completions: clients may read them by a condition at/,
  );
});

test.each<[string, string, string]>([
  [
    'none at the root',
    '{ "rules": { "daily_quests": { ".read": "auth != null", ".write": "auth != null" } } }',
    'clients may read them by a condition at /daily_quests; clients may write them by a condition at /daily_quests',
  ],
  ['none at all', '{ "rules": {} }', 'no client may read them; no client may write them'],
  [
    'one that is for another tree',
    '{ "rules": { "chat": { ".read": true } } }',
    'no client may read',
  ],
  [
    'false, as a text',
    '{ "rules": { ".read": "false", ".write": " false " } }',
    'no client may read',
  ],
  [
    'one of the two',
    '{ "rules": { ".read": "auth != null" } }',
    'clients may read them by a condition at /; no client may write them',
  ],
  [
    'a wildcard for our tree',
    '{ "rules": { "$tree": { ".read": "auth != null" } } }',
    'at /$tree;',
  ],
  [
    'a wildcard beside our tree, which does not hold for it',
    '{ "rules": { "$tree": { ".read": true }, "daily_quests": { ".indexOn": ["x"] } } }',
    'no client may read',
  ],
  [
    'a key beside a wildcard',
    LEAF('{ ".write": "auth.uid === $user" }').replace(
      '"$couple"',
      '"a_b": { ".write": true }, "$couple"',
    ),
    'clients may write them by a condition at /daily_quests/$couple/$day/completions/$quest/$user',
  ],
  [
    'everybody, further down',
    LEAF('{ ".write": true }'),
    'everybody may write them, by the rule at /daily_quests/$couple',
  ],
  [
    "the console's test mode",
    '{ "rules": { ".read": "now < 1793836800000" } }',
    'which asks for no sign-in',
  ],
  [
    'a word that only a text has',
    `{ "rules": { ".read": "data.child('auth').exists()" } }`,
    'which asks for no sign-in',
  ],
  [
    'a condition over two lines',
    '{ "rules": { ".read": "auth != null &&\n    auth.uid != \'x\'" } }',
    'at /;',
  ],
  [
    'a comment in a text',
    `{ "rules": { ".read": "auth.token.iss == 'https://x/*y*/'" } }`,
    'at /;',
  ],
  ['a comma too many', '{ "rules": { ".read": "auth != null", /* x */ } }', 'at /;'],
  ['validation', LEAF('{ ".validate": "newData.isBoolean()" }'), 'what is written is validated'],
  ['no validation', LEAF('{}'), 'nothing is demanded of it'],
  [
    'names of ancestors',
    '{ "rules": { "__proto__": { ".read": true }, "constructor": {} } }',
    'no client may',
  ],
])('rules of others are told: %s', (_case, rules, finding) => {
  const { status, finding: found, advice } = check(rules);
  const isOpen = /everybody may/.test(found);
  expect(status).toBe(isOpen || /no client may write/.test(found) ? 'warn' : 'ok');
  expect(found).toContain(finding);
  expect(advice ?? '').not.toMatch(/database\.rules|deploy rules|closed/);
});

test.each([
  ['read', '{ "rules": { ".read": true } }', 'everybody may read the whole database'],
  ['both', '{ "rules": { ".read": "true", ".write": "(true)" } }', 'may read and write the whole'],
])(
  'a database that is open to everybody is told of, and stays open to the app: %s',
  (_case, rules, finding) => {
    const { status, finding: found, advice } = check(rules);
    expect(status).toBe('warn');
    expect(found).toContain(finding);
    expect(advice).toContain('let in who needs it');
    expect(advice).not.toContain('database.rules');
  },
);

test.each(['null', '{}', '[]', '{ "rules": null }', '{ "rules": "x" }', '"text"'])(
  '%s is no rules',
  (rules) => {
    const { status, advice } = check(rules);
    expect(status).toBe('fail');
    expect(advice).not.toMatch(/deploy/);
  },
);

test('the variant for apps without Firebase Auth is known, and said to be open', () => {
  const text = readFileSync(join(__dirname, '../../database.rules.without-auth.json'), 'utf8');
  const rules = parseRulesJson(text);
  const files = [...FILES, { name: 'database.rules.without-auth.json', rules }];
  const { status, finding, advice } = rulesCheck(rules, files, PATHS);
  expect(status).toBe('warn');
  expect(finding).toMatch(
    /^those of database\.rules\.without-auth\.json: quest_completions: everybody/,
  );
  expect(finding).not.toContain('no client may');
  expect(advice).toContain('let in who needs it');
});

describe('each mirrored path is looked at', () => {
  test('what holds for several is told once, in one sentence', () => {
    const rules = `{ "rules": { "daily_quests": { "$c": { ".read": "auth != null", ".write": "auth != null" } },
      "lp_awards": { ".read": true, ".write": true }, "steps_data": { ".write": true, ".read": true } } }`;
    const { status, finding } = check(rules, PATHS);
    expect(status).toBe('warn');
    expect(finding.split('. ')).toEqual([
      'quest_completions, daily_quests: clients may read them by a condition at /daily_quests/$c; ' +
        'clients may write them by a condition at /daily_quests/$c; nothing is demanded of it',
      'quiz_progression, quiz_sessions, you_or_me_sessions, memory_puzzles: no client may read them; ' +
        'no client may write them; nothing is demanded of it',
      'lp_awards: everybody may read them, by the rule at /lp_awards; ' +
        'everybody may write them, by the rule at /lp_awards; nothing is demanded of it',
      'steps: everybody may read them, by the rule at /steps_data; ' +
        'everybody may write them, by the rule at /steps_data; nothing is demanded of it',
    ]);
  });

  test('ours shut seven of the app’s paths, which is said even where they are deployed', () => {
    const { status, finding, advice } = check(OURS, PATHS);
    expect(status).toBe('warn');
    expect(finding).toContain(
      'quiz_progression, quiz_sessions, you_or_me_sessions, lp_awards, memory_puzzles, steps: no client may',
    );
    expect(advice).toContain('yours to judge');
  });

  test('a rule inside a document lets its parts be written', () => {
    const rules = `{ "rules": { "lp_awards": { "$c": { "$a": { "amount": { ".write": "auth != null" } } } } } }`;
    const [lpAwards] = PATHS.filter(({ name }) => name === 'lp_awards');
    expect(check(rules, lpAwards ? [lpAwards] : []).finding).toContain(
      'clients may write parts of them',
    );
  });
});
