import type { Command } from 'commander';
import { readLeafStory } from '../../completions-only/reconcile/leaf-story';
import type { CommandContext } from '../context';
import { formatStory } from '../explain/format-story';
import { parseRef } from '../explain/parse-ref';
import { jsonLine } from '../printable';
import { readStores } from '../read-stores';
import { type StoreOptions, withStoreOptions, withStores } from '../with-stores';

interface ExplainOptions extends StoreOptions {
  json?: true;
}

/** `mirror explain REF`: one leaf's story. */
export function registerExplain(program: Command, context: CommandContext): void {
  const command = program
    .command('explain')
    .description('tell the story of one completion: both values, versions, divergences, gaps')
    .argument('<ref>', 'its RTDB path or URL: daily_quests/couple/date/completions/quest/user')
    .option('--json', 'print one JSON object');
  withStoreOptions(command).action((ref: string, options: ExplainOptions) =>
    explain(ref, options, context),
  );
}

async function explain(
  ref: string,
  options: ExplainOptions,
  { env, writeOut }: CommandContext,
): Promise<void> {
  const leaf = parseRef(ref);
  const story = await readStores(() =>
    withStores(env, options, (statements, rtdb) => readLeafStory(leaf, statements, rtdb), 'leave'),
  );
  writeOut(options.json ? jsonLine(story) : formatStory(story));
}
