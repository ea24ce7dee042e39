import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import globalSetup from '../support/global-setup';
import globalTeardown from '../support/global-teardown';
import { GROUPS, type MutationGroup } from './groups';
import { type MutationReport, scoresOf, scoreTable, survivorLines, totalOf } from './score';

/**
 * `npm run mutation [group…]`: changes the sources one spot at a time (Stryker) and sees whether a
 * test notices. Ends with a table of scores, and with 1 where the total is below the target.
 */

const TARGET_PERCENT = 85;
const ROOT = join(__dirname, '..', '..');
const REPORTS = join(ROOT, 'reports', 'mutation');
const STRYKER = join(ROOT, 'node_modules', '@stryker-mutator', 'core', 'bin', 'stryker.js');

function mutate({ name, modules, tests }: MutationGroup): MutationReport {
  const { status, error } = spawnSync(process.execPath, [STRYKER, 'run', 'stryker.config.mjs'], {
    cwd: ROOT,
    stdio: 'inherit',
    env: {
      ...process.env,
      QUEST_MUTATION_GROUP: name,
      QUEST_MUTATION_MODULES: modules.map((module) => `functions/src/${module}`).join(','),
      QUEST_MUTATION_TESTS: tests.join(','),
    },
  });
  if (status !== 0) throw error ?? new Error(`Stryker ended with ${status} at ${name}.`);
  return JSON.parse(readFileSync(join(REPORTS, `${name}.json`), 'utf8'));
}

async function main(names: readonly string[]): Promise<number> {
  const unknown = names.filter((name) => !GROUPS.some((group) => group.name === name));
  if (unknown.length > 0) {
    const known = GROUPS.map(({ name }) => name).join(', ');
    process.stderr.write(`No group ${unknown.join(', ')}; there are ${known}.\n`);
    return 2;
  }
  const groups = GROUPS.filter(({ name }) => names.length === 0 || names.includes(name));
  const reports: MutationReport[] = [];
  await globalSetup();
  try {
    for (const group of groups) reports.push(mutate(group));
  } finally {
    await globalTeardown();
  }
  const scores = reports.flatMap(scoresOf);
  const total = totalOf(scores);
  const survivors = reports.map(survivorLines).join('');
  writeFileSync(join(REPORTS, 'survivors.txt'), survivors);
  process.stdout.write(`${survivors}\n${scoreTable([...scores, total])}`);
  return total.percent >= TARGET_PERCENT ? 0 : 1;
}

void main(process.argv.slice(2)).then((exitCode) => {
  process.exitCode = exitCode;
});
