import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PATHS } from '../../functions/src/app-paths';
import { parseRulesJson, rulesOnPath } from '../../functions/src/cli/doctor/rules-on-path';
import { closedRules } from './support/closed-rules';

const rulesFile = (name: string) => readFileSync(join(__dirname, '../..', name), 'utf8');

test.each([
  ['our own', rulesFile('database.rules.json')],
  ['those of an app without Firebase Auth', rulesFile('database.rules.without-auth.json')],
  ['open ones', '{"rules": {".read": true, ".write": true /* for now */}}'],
  [
    'a granting rule above',
    '{"rules": {".write": "auth != null", "a": {".write": "\\"x\\" != 1"}}}',
  ],
])('the line that closes rules for writing closes %s, and leaves reading', (_case, rules) => {
  const [open, closed] = [rules, closedRules(rules)].map((text) => Object(parseRulesJson(text)));
  for (const { ref } of PATHS) {
    const { read, write } = rulesOnPath(closed.rules, ref);
    expect(write).toEqual({ everybodyAt: null, conditions: [], isInPart: false });
    expect(read).toEqual(rulesOnPath(open.rules, ref).read);
  }
});
