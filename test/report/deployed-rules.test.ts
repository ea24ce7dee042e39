import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { rulesCheck } from '../../functions/src/cli/doctor/rtdb-checks';
import { parseRulesJson } from '../../functions/src/cli/doctor/rules-on-path';

/** Any valid rules are read, and no advice would shut the app out. */

const OURS = readFileSync(join(__dirname, '..', '..', 'database.rules.json'), 'utf8');

const check = (rules: string) => rulesCheck(parseRulesJson(rules), parseRulesJson(OURS));

const LEAF = (rules: string) => `{ "rules": { "daily_quests": { "$couple": { "$day": {
  "completions": { "$quest": { "$user": ${rules} } } } } } } }`;

test.each([
  ['as they are', OURS],
  ['with comments', `// ours\n${OURS.replaceAll('".read"', '/* who "reads" */ ".read"')}`],
  ["with Windows' line ends", OURS.replaceAll('\n', '\r\n')],
  ['with a byte order mark', `\ufeff${OURS}`],
  ['with lines of slashes', OURS.replaceAll(',\n', `, ${'/'.repeat(80)}\n`)],
])('ours are known %s', (_case, rules) => {
  expect(check(rules)).toEqual({
    status: 'ok',
    finding: 'those of database.rules.json are deployed',
  });
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
  expect(status).toBe('warn');
  expect(found).toContain(finding);
  expect(advice).not.toMatch(/database\.rules\.json|deploy rules|closed/);
});

test.each([
  ['read', '{ "rules": { ".read": true } }', 'everybody may read the whole database'],
  ['both', '{ "rules": { ".read": "true", ".write": "(true)" } }', 'may read and write the whole'],
])(
  'a database that is open to everybody fails, and stays open to the app: %s',
  (_case, rules, finding) => {
    const { status, finding: found, advice } = check(rules);
    expect(status).toBe('fail');
    expect(found).toContain(finding);
    expect(advice).toContain('let in who needs it');
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
