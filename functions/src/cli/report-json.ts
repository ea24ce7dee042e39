import { CAUSES } from '../divergences/vocabulary';
import { steadyLossNotSeen } from '../gate/canaries';
import type { PathEvidence } from '../gate/evidence';
import { explainedTally } from '../gate/explained';
import type { GateAnswer, JudgedRate } from '../gate/gate';
import { boundsOf, plainRate } from '../gate/rate';
import { gateSentence, nextCommand } from '../gate/sentence';
import type { UnmirroredTrees } from './unmirrored-trees';

/** All that a report tells. */
export interface Report {
  answer: GateAnswer;
  /** By path; none of what was kept of another time. */
  evidence: readonly PathEvidence[];
  threshold: number;
  maxAgeMs: number;
  windowMs: number;
  /** Its name; null = not known yet. */
  rtdb: string | null;
  postgres: string;
  asOf: string | null;
  /** Null = not looked for: of one couple, or of another time. */
  unmirrored: UnmirroredTrees | null;
}

/** A report for machines. What there is none of is null. */
export function reportJson(report: Report) {
  const { answer, evidence, threshold, maxAgeMs, windowMs, rtdb, postgres, asOf, unmirrored } =
    report;
  return {
    verdict: answer.verdict,
    sentence: gateSentence(answer, { threshold, windowMs }),
    next: nextCommand(answer),
    nothingWritten: answer.isEmpty,
    ...{ threshold, windowMs, maxAgeMs, asOf, rtdb, postgres },
    paths: answer.paths.map(({ copy, mirror, obstacles: _, ...path }) => {
      const known = evidence.find((one) => one.path === path.path);
      return {
        ...path,
        copy: rateJson(copy, known, 'copy'),
        mirror: rateJson(mirror, known, 'mirror'),
        ...(known && evidenceJson(known)),
      };
    }),
    unmirrored: unmirrored && {
      ...{ trees: null, siblings: null, unread: null, problem: null },
      ...unmirrored,
    },
  };
}

function rateJson(rate: JudgedRate, known: PathEvidence | undefined, name: 'copy' | 'mirror') {
  return {
    ...rate,
    rate: plainRate(rate),
    explained: known ? plainRate(explainedTally(known, name)) : null,
    leftOut: known ? boundsOf(known[name], known.shards).leftOut : [],
  };
}

function evidenceJson({ failedShards, failedShard, failedError, ...known }: PathEvidence) {
  const { oldFullShards, causes, gaps, canaries } = known;
  return {
    failed:
      failedShard === null
        ? null
        : { shards: failedShards, shard: failedShard, error: failedError },
    oldFullShards,
    causes: causes.map((one) => ({ ...one, isExplained: CAUSES[one.cause].isExplained })),
    gaps,
    canaries: { ...canaries, steadyLossNotSeen: steadyLossNotSeen(canaries) },
  };
}
