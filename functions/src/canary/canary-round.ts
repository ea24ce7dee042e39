import { type FlagNote, NOTE_FLAG } from '../coverage/coverage';
import { MirrorError } from '../errors/mirror-error';
import { type FlagRule, modeOfPath } from '../flag/flag-rule';
import type { MirroredPath } from '../paths/mirrored-path';
import { stepsOfRef } from '../paths/ref-pattern';
import type { CanaryVerdict } from './judge-canary';
import { type CanaryContext, lookForCanary, writeCanary } from './path-canary';

/** How long the schedule leaves between two rounds. */
const CANARY_PERIOD_MS = 5 * 60_000;

export interface RoundContext extends CanaryContext {
  /** What the flag says now. */
  flag: FlagRule;
  /** Receives what became of each path's canary; null = none was expected. */
  onVerdict(path: string, verdict: CanaryVerdict | null): void;
  /** Receives each path whose canary could not be looked for, or written. */
  onFailure(path: string, error: unknown): void;
}

/** The canaries of some paths failed; each was reported by itself. */
class CanaryRoundError extends MirrorError {
  override name = 'CanaryRoundError';

  constructor(failed: readonly string[]) {
    super(`no canary flew on: ${failed.join(', ')}`, { code: 'CANARY_ROUND_FAILED' });
  }
}

/**
 * Notes in `mirror.coverage` what the flag says, and lets a canary fly on every path that is on, or that may be. A
 * part of the couples always has the canary's in it. A path's failure doesn't keep the others' canaries from flying.
 *
 * @throws CanaryRoundError that names the paths which failed; as Postgres does, where the flag can't be
 *   noted
 */
export async function runCanaryRound(
  paths: readonly MirroredPath[],
  context: RoundContext,
): Promise<void> {
  const { flag, statements, onVerdict, onFailure } = context;
  const note = async (path: string | null) => {
    // A guess that is noted would hold the gate shut for a day, or open it while mirroring is off.
    if (flag.isSure) await NOTE_FLAG.run(statements, noteOf(path, flag, context));
  };
  await note(null);
  const failed: string[] = [];
  /** Those for which the step went well. */
  const each = async (
    some: readonly MirroredPath[],
    step: (path: MirroredPath) => Promise<boolean>,
  ): Promise<MirroredPath[]> => {
    const went = await Promise.all(
      some.map((path) =>
        step(path).catch((error: unknown) => {
          failed.push(path.name);
          onFailure(path.name, error);
          return false;
        }),
      ),
    );
    return some.filter((_, place) => went[place]);
  };
  const flying = await each(paths, async (path) => {
    await note(path.name);
    const isOn = !flag.isSure || modeOfPath(flag, path.name) !== 'off';
    onVerdict(path.name, isOn ? await lookForCanary(path, context) : null);
    return isOn;
  });
  // After all looks, and the upper nodes first: a document's canary takes away what lies inside it.
  for (const sameDepth of byDepth(flying)) {
    await each(sameDepth, (path) => writeCanary(path, context).then(() => true));
  }
  if (failed.length > 0) throw new CanaryRoundError(failed);
}

function noteOf(
  path: string | null,
  { mode, version, detail, paths }: FlagRule,
  { now }: CanaryContext,
): FlagNote {
  return {
    path,
    // The last look may have been as long ago as the period: the gap is not made too small.
    since: new Date(now() - CANARY_PERIOD_MS),
    offSince: null,
    ...(path === null
      ? { seen: mode, version, evidence: { by: 'canary', ...detail } }
      : {
          seen: paths.off.has(path) ? 'off' : 'on',
          version: paths.version,
          evidence: { by: 'canary' },
        }),
  };
}

function byDepth(paths: readonly MirroredPath[]): MirroredPath[][] {
  const groups = new Map<number, MirroredPath[]>();
  for (const path of paths) {
    const depth = stepsOfRef(path.ref).length;
    groups.set(depth, [...(groups.get(depth) ?? []), path]);
  }
  return [...groups].sort(([a], [b]) => a - b).map(([, group]) => group);
}
