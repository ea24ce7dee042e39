import { steadyLossNotSeen } from '../gate/canaries';
import type { Gap, PathEvidence } from '../gate/evidence';
import { explainedTally } from '../gate/explained';
import type { PathAnswer } from '../gate/gate';
import { boundsOf, formatCount, formatShare, plainRate, type Tally } from '../gate/rate';
import { durationOf, gateSentence, minuteOf } from '../gate/sentence';
import { millisOf } from '../values/event-time';
import { printable } from './printable';
import type { Report } from './report-json';
import { gapsOfUnmirrored, namesOfUnmirrored, type UnmirroredTrees } from './unmirrored-trees';

const TITLE = 16;
const RATE = 36;

/** A report in words, the verdict first. */
export function formatReport(report: Report): string {
  const { answer, evidence, threshold, windowMs, rtdb, postgres, asOf, unmirrored } = report;
  const { paths } = answer;
  const lines = [
    gateSentence(answer, { threshold, windowMs }),
    '',
    ...(asOf === null ? [] : [titled('as of', minuteOf(paths[0]?.at ?? asOf))]),
    titled('verified to', verifiedLine(paths)),
    titled('RTDB', rtdb ?? 'not known yet: nothing has come from there'),
    titled('Postgres', postgres),
    titled('oldest full', oldestFull(paths)),
    '',
    ...rateTable(paths, durationOf(windowMs)),
    '',
    ...explainedLines(evidence),
    ...listed('differences', evidence.flatMap(causeLines)),
    ...listed('left out', evidence.flatMap(leftOutLines)),
    ...listed('not read', evidence.flatMap(unreadLines)),
    ...listed('canaries', sameLines(evidence.map((one) => [one.path, canaryLine(one)]))),
    ...listed('coverage gaps', sameLines(evidence.flatMap(gapLines))),
    ...(unmirrored === null ? [] : unmirroredLines(unmirrored)),
  ];
  return `${lines.map(printable).join('\n')}\n`;
}

function titled(title: string, text: string): string {
  return `${title.padEnd(TITLE)}${text}`;
}

function listed(title: string, items: readonly string[]): string[] {
  if (items.length === 0) return [titled(title, 'none')];
  return items.map((item, place) => titled(place === 0 ? title : '', item));
}

/** Of the path that was read longest ago. */
function verifiedLine(paths: readonly PathAnswer[]): string {
  const [first] = [...paths].sort((a, b) => (a.verifiedTo ?? '').localeCompare(b.verifiedTo ?? ''));
  if (first === undefined || first.verifiedTo === null) return 'not all couples have been read yet';
  const ageMs = millisOf(first.at) - millisOf(first.verifiedTo);
  return `${secondOf(first.verifiedTo)}, ${durationOf(Math.max(0, ageMs))} ago`;
}

function oldestFull(paths: readonly PathAnswer[]): string {
  const [first] = paths.flatMap(({ oldestFullAt }) => oldestFullAt ?? []).sort();
  return first === undefined
    ? 'nothing has been read in full yet'
    : `${secondOf(first)} (every value was compared)`;
}

function rateTable(paths: readonly PathAnswer[], window: string): string[] {
  const width = Math.max(TITLE, ...paths.map(({ path }) => path.length + 2));
  const row = (name: string, copy: string, mirror: string, couples: string) =>
    `${name.padEnd(width)}${copy.padEnd(RATE)}${mirror.padEnd(RATE)}${couples}`;
  return [
    row(
      'path',
      'copy: all keys that agree',
      `mirror: of those written in ${window}`,
      'couples affected',
    ),
    ...paths.map(({ path, copy, mirror, affectedShards, shards }) =>
      row(
        path,
        rateOf(copy),
        rateOf(mirror),
        `${formatCount(affectedShards)} of ${formatCount(shards)}`,
      ),
    ),
  ];
}

function rateOf(tally: Tally): string {
  const { total, differing, unknown } = tally;
  const known = total - unknown;
  const rate = plainRate(tally);
  const more = unknown === 0 ? '' : ` + ${formatCount(unknown)} unknown`;
  if (rate === null) return `none${more}`;
  return `${formatShare(rate)}, ${formatCount(known - differing)} of ${formatCount(known)}${more}`;
}

function explainedLines(evidence: readonly PathEvidence[]): string[] {
  if (evidence.length === 0) return [];
  const sum = (name: 'copy' | 'mirror') => {
    const all = { total: 0, differing: 0, unknown: 0 };
    for (const one of evidence) {
      const { total, differing, unknown } = explainedTally(one, name);
      all.total += total;
      all.differing += differing;
      all.unknown += unknown;
    }
    return plainRate(all);
  };
  const words = (rate: number | null) => (rate === null ? 'none' : formatShare(rate));
  return [
    titled('explained', `copy ${words(sum('copy'))}, mirror ${words(sum('mirror'))}`),
    titled('', "takes from each key what that key's own cause says; shown, never judged by"),
  ];
}

function causeLines({ path, causes }: PathEvidence): string[] {
  return causes.map(({ kind, cause, open, lost }) => {
    const parts = [
      ...(open > 0 ? [`${formatCount(open)} open`] : []),
      ...(lost > 0 ? [`${formatCount(lost)} lost in the window`] : []),
    ];
    return `${path}: ${kind} by ${cause}: ${parts.join(', ')}`;
  });
}

/** No single couple decides; but people should know which one was left out. */
function leftOutLines({ path, shards, ...rates }: PathEvidence): string[] {
  return (['copy', 'mirror'] as const).flatMap((name) =>
    boundsOf(rates[name], shards).leftOut.map(
      ({ shard, differing, total }) =>
        `${path}, ${name}: couple ${shard}, ${formatCount(differing)} of ${formatCount(total)} keys`,
    ),
  );
}

function unreadLines(evidence: PathEvidence): string[] {
  const { path, unreadShards, oldFullShards, failedShards, failedShard, failedError } = evidence;
  return [
    ...(unreadShards > 0
      ? [`${path}: ${formatCount(unreadShards)} couples since "verified to"`]
      : []),
    ...(oldFullShards > 0
      ? [`${path}: ${formatCount(oldFullShards)} couples in full for too long`]
      : []),
    ...(failedShard === null
      ? []
      : [
          `${path}: ${formatCount(failedShards)} can't be read, such as ${failedShard}: ${failedError}`,
        ]),
  ];
}

function canaryLine({ canaries }: PathEvidence): string {
  const { flown, came } = canaries;
  const unseen = steadyLossNotSeen(canaries);
  if (unseen === null) return 'none has flown';
  const percent = `${(Math.ceil(unseen * 1_000 - 0.5) / 10).toFixed(1)}%`;
  return `${formatCount(came)} of ${formatCount(flown)} canaries came: a steady loss above ${percent} would have shown (95%)`;
}

function gapLines({ path, gaps }: PathEvidence): [string, string][] {
  return gaps.map(({ reason, fromAt, toAt }: Gap) => [
    path,
    `${reason}: ${secondOf(fromAt)} to ${toAt === null ? 'now' : secondOf(toAt)}`,
  ]);
}

/** What is left behind when the app leaves RTDB. It stops no gate, which judges what is mirrored. */
function unmirroredLines(unmirrored: UnmirroredTrees): string[] {
  if ('problem' in unmirrored)
    return [titled('nobody mirrors', `not known: ${unmirrored.problem}`)];
  const gaps = gapsOfUnmirrored(unmirrored);
  return listed('nobody mirrors', [...namesOfUnmirrored(unmirrored), ...gaps]);
}

/** What holds for several paths once, with their names. */
function sameLines(lines: readonly (readonly [path: string, line: string])[]): string[] {
  const pathsOf = new Map<string, string[]>();
  for (const [path, line] of lines) pathsOf.set(line, [...(pathsOf.get(line) ?? []), path]);
  const all = new Set(lines.map(([path]) => path)).size;
  return [...pathsOf].map(([line, paths]) =>
    paths.length === all && all > 1 ? `each path: ${line}` : `${paths.join(', ')}: ${line}`,
  );
}

/** `2026-11-23 09:00:05 UTC`. */
function secondOf(instant: string): string {
  return `${instant.slice(0, 10)} ${instant.slice(11, 19)} UTC`;
}
