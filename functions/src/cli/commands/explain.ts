import type { Command } from 'commander';
import { read } from '../../deploy/settings';
import { leafOfRef } from '../../explain/leaf-of-ref';
import { type LeafStory, readPostgresSide, tellStory } from '../../explain/leaf-story';
import { COMPARED } from '../../explain/story-words';
import { PROOF_TIMES } from '../../readings/proof-times';
import { rtdbShards } from '../../readings/rtdb-shards';
import type { VerbContext } from '../context';
import { pathsNamed, withPathOption } from '../options';
import { jsonLine, printable, printableValue } from '../printable';
import { readStores } from '../read-stores';
import { type StoreOptions, withStoreOptions, withStores } from '../with-stores';

interface ExplainOptions extends StoreOptions {
  path?: string[];
  json?: true;
}

/** `mirror explain REF`: one leaf's story. */
export function registerExplain(program: Command, context: VerbContext): void {
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
  { env, writeOut, writeError, declared }: VerbContext,
): Promise<void> {
  const named = leafOfRef(
    text,
    pathsNamed(options.path, declared().paths),
    new Date().toISOString(),
  );
  const retentionDays = read(env, 'RETENTION_DAYS') ?? 0;
  const story = await readStores(() =>
    withStores(
      { env, writeError },
      options,
      async (statements, access): Promise<LeafStory> => {
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

/** A leaf's story in words. All of it comes from outside, so all of it is escaped. */
function formatStory(story: LeafStory): string {
  const lines = [
    COMPARED[story.comparison],
    '',
    `path         ${story.path}`,
    `ref          ${story.ref}`,
    `as of        ${story.asOf}`,
    `RTDB         ${rtdbLine(story)}`,
    ...rowLines(story),
    ...section(
      'divergences',
      story.divergences.map((one) => divergenceLine(one, story.ref)),
    ),
    ...section('direct write', story.directWrite === null ? [] : [writeLine(story.directWrite)]),
    ...section(
      'coverage gaps that touch it',
      story.gaps.map(({ reason, fromAt, toAt }) => `${reason}, ${fromAt} to ${toAt ?? 'now'}`),
    ),
    ...section('readings of its shard', readingLines(story)),
  ];
  return `${lines.map(printable).join('\n')}\n`;
}

function rtdbLine({ rtdb }: LeafStory): string {
  if (rtdb.value === null) return 'nothing';
  const refused = rtdb.issues.map(({ field, message }) => `${field}: ${message}`).join('; ');
  return `${printableValue(rtdb.value)}${refused ? `, which the mirror refuses: ${refused}` : ''}`;
}

function rowLines({ row, columns }: LeafStory): string[] {
  if (row === null) return ['Postgres     no row'];
  const value = row.isTombstone ? `tombstone, deleted at ${row.deletedAt}` : undefined;
  return [
    `Postgres     ${value ?? printableValue(row.payload)}`,
    `  version    ${row.eventTime ?? 'none, any event wins'}, event ${row.eventId ?? 'none'}`,
    `  origin     ${row.origin}`,
    `  mirrored   ${row.mirroredAt}${row.lagMs === null ? '' : `, lag ${row.lagMs} ms`}`,
    `  columns    ${printableValue(row.columns)}`,
    ...(Object.keys(columns).length === 0 ? [] : [`  expected   ${printableValue(columns)}`]),
  ];
}

function readingLines({ reading, suspect, bounds }: LeafStory): string[] {
  if (reading === null) return [];
  const { readAt, fullAt, touchedAt, dueAt, keys, inFlight, failedAt, error } = reading;
  const failed = failedAt === null ? [] : [`could not be read at ${failedAt}: ${error}`];
  return [
    `whole ${readAt ?? 'never'}, full ${fullAt ?? 'never'}, touched ${touchedAt ?? 'never'}, due ${dueAt}`,
    `${keys} keys, ${inFlight} in flight`,
    ...failed,
    `a write that is missing was made after ${bounds.after ?? 'whenever'}, before ${bounds.before}`,
    ...(suspect === null
      ? []
      : [`it differed at ${suspect.lookedAt}, and is to be looked at again`]),
  ];
}

function divergenceLine(one: LeafStory['divergences'][number], ref: string): string {
  const times = one.timesSeen === 1 ? '' : `, seen ${one.timesSeen} times to ${one.lastSeenAt}`;
  const by = one.resolvedBy === null ? '' : ` by ${one.resolvedBy}`;
  const end = one.resolvedAt === null ? 'open' : `resolved ${one.resolvedAt}${by}`;
  const parts = [
    `${one.firstSeenAt} ${one.severity} ${one.kind} by ${one.cause}${times}, ${end}`,
    `by the ${one.detectedBy}`,
    one.writtenBefore === null
      ? null
      : `written after ${one.writtenAfter ?? 'whenever'}, before ${one.writtenBefore}`,
    one.ref === ref ? null : `of ${one.ref}${one.keys > 1 ? `, ${one.keys} keys` : ''}`,
    `RTDB ${printableValue(one.rtdbValue, 120)}, Postgres ${printableValue(one.postgresValue, 120)}`,
    one.detail === null ? null : `evidence ${printableValue(one.detail)}`,
  ];
  return parts.filter((part) => part !== null).join('; ');
}

function writeLine(write: NonNullable<LeafStory['directWrite']>): string {
  const { operation, writtenBy, writtenAt, oldPayload, newPayload } = write;
  const values = `${printableValue(oldPayload, 120)} to ${printableValue(newPayload, 120)}`;
  return `${writtenAt} ${operation} by ${writtenBy}: ${values}`;
}

function section(title: string, items: readonly string[]): string[] {
  if (items.length === 0) return [`${title}: none`];
  return [`${title}:`, ...items.map((item) => `  ${item}`)];
}
