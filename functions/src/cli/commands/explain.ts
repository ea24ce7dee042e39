import type { Command } from 'commander';
import { readLeafStory } from '../../reconcile/leaf-story';
import type { CommandContext } from '../context';
import { withDatabaseUrlOption } from '../database-url';
import { formatStory } from '../explain/format-story';
import { parseRef } from '../explain/parse-ref';
import { withPostgres } from '../open-postgres';
import { jsonLine } from '../printable';
import { readStores } from '../read-stores';
import { rtdbFromEnvironment } from '../rtdb-from-environment';

interface ExplainOptions {
  databaseUrlEnv: string;
  json?: true;
}

/** `mirror explain REF`: one leaf's story. */
export function registerExplain(program: Command, context: CommandContext): void {
  const command = program
    .command('explain')
    .description('tell the story of one completion: both values, versions, divergences, gaps')
    .argument('<ref>', 'its RTDB path or URL: daily_quests/couple/date/completions/quest/user')
    .option('--json', 'print one JSON object');
  withDatabaseUrlOption(command).action((ref: string, options: ExplainOptions) =>
    explain(ref, options, context),
  );
}

async function explain(
  ref: string,
  options: ExplainOptions,
  { env, writeOut }: CommandContext,
): Promise<void> {
  const leaf = parseRef(ref);
  const rtdb = rtdbFromEnvironment(env);
  const story = await readStores(() =>
    withPostgres(env, options.databaseUrlEnv, (statements) =>
      readLeafStory(leaf, statements, rtdb),
    ),
  );
  writeOut(options.json ? jsonLine(story) : formatStory(story));
}
