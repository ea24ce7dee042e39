import type { Command } from 'commander';
import { type LeafStory, readLeafStory } from '../../completions-only/reconcile/leaf-story';
import { COMPARED } from '../../completions-only/reconcile/story-words';
import type { CommandContext } from '../context';
import { parseRef } from '../options';
import { jsonLine, printable, printableValue } from '../printable';
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

/** A leaf's story in words. All of it comes from outside, so all of it is escaped. */
function formatStory(story: LeafStory): string {
  const lines = [
    COMPARED[story.comparison],
    '',
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
    ...section(
      'newest runs that compared it',
      story.runs.map(({ id, status, startedAt, finishedAt, error }) => {
        const end = finishedAt === null ? '' : ` to ${finishedAt}`;
        return `${id} ${status}, ${startedAt}${end}${error === null ? '' : `: ${error}`}`;
      }),
    ),
  ];
  return `${lines.map(printable).join('\n')}\n`;
}

function rtdbLine({ rtdb }: LeafStory): string {
  if (rtdb.value === null) return 'nothing';
  const refused = rtdb.issues.map(({ field, message }) => `${field}: ${message}`).join('; ');
  return `${printableValue(rtdb.value)}${refused ? `, which the mirror refuses: ${refused}` : ''}`;
}

function rowLines({ row }: LeafStory): string[] {
  if (row === null) return ['Postgres     no row'];
  const value = row.isTombstone ? `tombstone, deleted at ${row.deletedAt}` : undefined;
  return [
    `Postgres     ${value ?? printableValue(row.payload)}`,
    `  version    ${row.eventTime ?? 'none, any event wins'}, event ${row.eventId ?? 'none'}`,
    `  origin     ${row.origin}, completed at ${row.completedAt}`,
    `  mirrored   ${row.mirroredAt}${row.lagMs === null ? '' : `, lag ${row.lagMs} ms`}`,
    `  phone      ${row.clientClaimedAt === null ? 'no claim' : `claimed at ${row.clientClaimedAt}`}`,
  ];
}

function divergenceLine(one: LeafStory['divergences'][number], ref: string): string {
  const times = one.timesSeen === 1 ? '' : `, seen ${one.timesSeen} times to ${one.lastSeenAt}`;
  const end = one.resolvedAt === null ? 'open' : `resolved ${one.resolvedAt}`;
  const parts = [
    `${one.firstSeenAt} ${one.severity} ${one.kind} by ${one.cause}${times}, ${end}`,
    `by the ${one.detectedBy}${one.runId === null ? '' : `, run ${one.runId}`}`,
    one.ref === ref ? null : 'for the whole day',
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
