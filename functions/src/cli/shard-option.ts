import { type Command, Option } from 'commander';
import { UsageError } from '../errors/usage-error';
import { MAX_KEY_BYTES, REFUSED_IN_KEY } from '../values/rtdb-key';

export interface ShardOptions {
  shard?: string[];
  couple?: string[];
}

/** The shards of a path: the first part of its key, which is the couple in the app's trees. */
export function withShardOption(command: Command): Command {
  return command
    .option('--couple <id...>', 'only these couples: the first part of the key', coupleOption)
    .addOption(
      new Option('--shard <id...>', 'the same, where it is no couple').argParser(shardOption),
    );
}

/** The shards that were named; null = all. */
export function shardsOf({ shard = [], couple = [] }: ShardOptions): string[] | null {
  const named = [...couple, ...shard];
  return named.length === 0 ? null : named;
}

/**
 * Collects the couples that `--couple` names. One that can't be a key of RTDB is refused at once: a
 * run of it could only fail, and would be taken up by every `--resume`.
 *
 * @throws UsageError
 */
export function coupleOption(coupleId: string, couples: string[] | undefined): string[] {
  if (!isKey(coupleId)) {
    throw new UsageError('--couple: expected an id of a couple, as RTDB has it under daily_quests');
  }
  return [...(couples ?? []), coupleId];
}

function shardOption(shard: string, shards: string[] | undefined): string[] {
  if (!isKey(shard)) throw new UsageError('--shard: expected a key, as RTDB has it');
  return [...(shards ?? []), shard];
}

function isKey(text: string): boolean {
  return text !== '' && !REFUSED_IN_KEY.test(text) && Buffer.byteLength(text) <= MAX_KEY_BYTES;
}
