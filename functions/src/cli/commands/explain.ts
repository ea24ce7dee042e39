import type { Command } from 'commander';
import { read } from '../../deploy/settings';
import { leafOfRef } from '../../explain/leaf-of-ref';
import { type LeafStory, readPostgresSide, tellStory } from '../../explain/leaf-story';
import { PROOF_TIMES } from '../../readings/proof-times';
import { rtdbShards } from '../../readings/rtdb-shards';
import type { CommandContext } from '../context';
import { formatStory } from '../explain/format-story';
import { pathsNamed, withPathOption } from '../path-option';
import { jsonLine } from '../printable';
import { readStores } from '../read-stores';
import { type StoreOptions, withStoreOptions, withStores } from '../with-stores';

interface ExplainOptions extends StoreOptions {
  path?: string[];
  json?: true;
}

/** `mirror explain REF`: one leaf's story. */
export function registerExplain(program: Command, context: CommandContext): void {
  const command = program
    .command('explain')
    .description('tell the story of one leaf: both values, versions, divergences, gaps, readings')
    .argument('<ref>', 'its RTDB path or URL: lp_awards/couple/award')
    .option('--json', 'print one JSON object');
  withStoreOptions(withPathOption(command)).action((ref: string, options: ExplainOptions) =>
    explain(ref, options, context),
  );
}

async function explain(
  text: string,
  options: ExplainOptions,
  { env, writeOut }: CommandContext,
): Promise<void> {
  const named = leafOfRef(text, pathsNamed(options.path), new Date().toISOString());
  const retentionDays = read(env, 'RETENTION_DAYS') ?? 0;
  const story = await readStores(() =>
    withStores(
      env,
      options,
      async (statements, _, access): Promise<LeafStory> => {
        const [raw, side] = await Promise.all([
          rtdbShards(access).read(named.ref.split('/')),
          readPostgresSide(named, statements, PROOF_TIMES),
        ]);
        return tellStory(side, raw, retentionDays);
      },
      'leave',
    ),
  );
  writeOut(options.json ? jsonLine(story) : formatStory(story));
}
