import { instantOfMillis, millisOf } from '../values/event-time';
import { type GateAnswer, isNotReady, type JudgedRate, type PathAnswer, type Reason } from './gate';
import { formatCount, formatShare, formatThreshold, plainRate, sumOf, type Tally } from './rate';

/** What a sentence needs beside the answer. */
export interface Wording {
  threshold: number;
  windowMs: number;
}

const OPENING = { ready: 'Ready', not_ready: 'Not ready', cannot_tell: "Can't tell" } as const;
const REASONS_SHOWN = 3;
const MINUTE_MS = 60_000;

/**
 * The gate's answer as a person reads it; the same for the command line, the dashboard and the log.
 *
 * @example
 * Can't tell yet: mirroring has been on for 3 h 12 min of the 24 h asked for. So far 212 of 212 keys written
 * were mirrored, and 1,480 of 1,480 agree. Ask again after 2026-11-29 05:48 UTC: `mirror report`.
 */
export function gateSentence(answer: GateAnswer, wording: Wording): string {
  const { verdict, paths } = answer;
  const keys = keysSentence(paths);
  if (verdict === 'ready') {
    return `Ready: ${keys} (${formatThreshold(wording.threshold)} asked for).`;
  }
  const told = wordsOfReasons(answer, wording);
  const isEarly = verdict === 'cannot_tell' && codesOf(paths).has('short');
  const opening = `${OPENING[verdict]}${isEarly ? ' yet' : ''}: ${told.join('; ')}.`;
  const soFar = paths.length === 0 ? [] : [`So far ${keys}.`];
  return [opening, ...soFar, ...nextStep(answer, wording)].join(' ');
}

/** The one thing to do about a Can't tell; none for the other verdicts. */
export function nextCommand(answer: GateAnswer): string | null {
  const { verdict, paths, isEmpty } = answer;
  if (verdict !== 'cannot_tell') return null;
  const codes = codesOf(paths);
  if (paths.length === 0) return 'mirror migrate';
  // What was not kept then nobody can find out now.
  if (codes.has('unkept')) return null;
  // Until mirroring has been on for long enough, nothing else would help.
  if (codes.has('short')) return 'mirror report';
  if (codes.has('canary_silent')) return 'mirror doctor';
  if (codes.size === 0 && isEmpty) return 'mirror report';
  const isStale = codes.has('never_verified') || codes.has('verified_too_old');
  // Everything was read: what nobody knows are old values.
  const isFullDue =
    !isStale && codes.has('copy_unsure') && paths.every((path) => path.unreadShards === 0);
  return isFullDue ? 'mirror reconcile --full' : 'mirror reconcile';
}

function nextStep(answer: GateAnswer, { windowMs }: Wording): string[] {
  const command = nextCommand(answer);
  if (command === null) return [];
  const ends = answer.paths
    .flatMap(({ reasons }) => reasons)
    .flatMap((reason) => (reason.code === 'short' ? [millisOf(reason.since) + windowMs] : []));
  const end = instantOfMillis(Math.max(...ends));
  if (command !== 'mirror report') return [`Run \`${command}\`.`];
  return [
    `Ask again ${end === null || ends.length === 0 ? 'later' : `after ${minuteOf(end)}`}: \`${command}\`.`,
  ];
}

function codesOf(paths: readonly PathAnswer[]): Set<Reason['code']> {
  return new Set(paths.flatMap(({ reasons }) => reasons.map(({ code }) => code)));
}

/** "212 of 212 keys written were mirrored, and 1,480 of 1,480 agree" */
function keysSentence(paths: readonly PathAnswer[]): string {
  const mirror = sumOf(paths.map((path) => path.mirror));
  const copy = sumOf(paths.map((path) => path.copy));
  const unknown = mirror.unknown + copy.unknown;
  const more = unknown === 0 ? '' : `; of ${formatCount(unknown)} more nobody knows yet`;
  return `${knownOf(mirror)} keys written were mirrored, and ${knownOf(copy)} agree${more}`;
}

function knownOf({ total, differing, unknown }: Tally): string {
  const known = total - unknown;
  return `${formatCount(known - differing)} of ${formatCount(known)}`;
}

/** Each once, with the paths that it is about; Not ready leaves out what nobody can tell. */
function wordsOfReasons({ verdict, paths, isEmpty }: GateAnswer, wording: Wording): string[] {
  const pathsOf = new Map<string, string[]>();
  for (const path of paths) {
    for (const reason of path.reasons) {
      if (verdict === 'not_ready' && !isNotReady(reason)) continue;
      const words = wordsOf(reason, path, wording);
      pathsOf.set(words, [...(pathsOf.get(words) ?? []), path.path]);
    }
  }
  const told = [...pathsOf].map(([words, names]) =>
    names.length === paths.length ? words : `${names.join(', ')}: ${words}`,
  );
  if (paths.length === 0) told.push('no path is mirrored');
  else if (isEmpty && verdict === 'cannot_tell') {
    told.push(`nothing was written in the last ${durationOf(wording.windowMs)}`);
  }
  const rest = told.length - REASONS_SHOWN;
  return rest > 0 ? [...told.slice(0, REASONS_SHOWN), `and ${rest} more`] : told;
}

function wordsOf(reason: Reason, path: PathAnswer, { threshold, windowMs }: Wording): string {
  const asked = `${formatThreshold(threshold)} asked for`;
  switch (reason.code) {
    case 'copy_below':
      return `${onlyOf(path.copy, threshold)} of all keys agree (${knownOf(path.copy)}), ${asked}`;
    case 'mirror_below':
      return `${onlyOf(path.mirror, threshold)} of keys written were mirrored (${knownOf(path.mirror)}), ${asked}`;
    case 'copy_unsure':
      return `${rangeOf(path.copy)} of all keys agree: of ${formatCount(path.copy.unknown)} nobody knows yet`;
    case 'mirror_unsure':
      return `${rangeOf(path.mirror)} of keys written were mirrored: of ${formatCount(path.mirror.unknown)} nobody knows yet`;
    case 'never_verified':
      return 'not all couples have been read yet';
    case 'verified_too_old':
      return `the readings are ${durationOf(reason.ageMs)} old, and may be ${durationOf(reason.maxAgeMs)}`;
    case 'off':
      return `mirroring has been off since ${minuteOf(reason.since)}`;
    case 'percent':
      return `mirroring has been on for a part of the couples only since ${minuteOf(reason.since)}`;
    case 'outage':
      return `Postgres has been out of reach since ${minuteOf(reason.since)}`;
    case 'canaries_lost':
      return `${reason.count} canaries in a row were lost, ${minuteOf(reason.fromAt)} to ${minuteOf(reason.toAt)}`;
    case 'short': {
      const onMs = Math.max(0, millisOf(path.at) - millisOf(reason.since));
      return `mirroring has been on for ${durationOf(onMs)} of the ${durationOf(windowMs)} asked for`;
    }
    case 'canary_silent':
      return reason.newestAt === null
        ? 'no canary has flown'
        : `the newest canary flew at ${minuteOf(reason.newestAt)}`;
    case 'unkept':
      return reason.newestAt === null
        ? 'no answer was kept until then'
        : `the newest answer that was kept until then is of ${minuteOf(reason.newestAt)}`;
  }
}

/** The rate as it stands; where that would do, the one that was judged. */
function onlyOf(rate: JudgedRate, threshold: number): string {
  const plain = plainRate(rate) ?? 0;
  if (plain < threshold) return `only ${formatShare(plain)}`;
  return `without the heaviest couples only ${formatShare(rate.upper)}`;
}

function rangeOf({ lower, upper }: { lower: number; upper: number }): string {
  return `between ${formatShare(lower)} and ${formatShare(upper)}`;
}

/** `3 h 12 min`, `45 min`, `2 d 4 h`, `20 s` */
export function durationOf(ms: number): string {
  if (ms < MINUTE_MS) return `${Math.floor(ms / 1_000)} s`;
  const minutes = Math.floor(ms / MINUTE_MS);
  const hours = Math.floor(minutes / 60);
  // A day is asked for in hours.
  const parts: [number, string][] =
    hours >= 48
      ? [
          [Math.floor(hours / 24), 'd'],
          [hours % 24, 'h'],
        ]
      : [
          [hours, 'h'],
          [minutes % 60, 'min'],
        ];
  return parts
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(' ');
}

/** `2026-11-23 09:00 UTC` */
export function minuteOf(instant: string): string {
  return `${instant.slice(0, 10)} ${instant.slice(11, 16)} UTC`;
}
