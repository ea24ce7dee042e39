import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { blocksOf } from '../../support/page';

/** What the page's line for the shell makes of rules, as a person runs it. */
export function closedRules(rules: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'quest-mirror-rules-'));
  try {
    writeFileSync(join(folder, 'database.rules.json'), rules);
    execFileSync('bash', ['-euc', blocksOf('cutting-over.md')('close')], { cwd: folder });
    return readFileSync(join(folder, 'closed.rules.json'), 'utf8');
  } finally {
    rmSync(folder, { recursive: true });
  }
}
