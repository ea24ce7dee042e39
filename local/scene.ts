import type { Pool } from 'pg';
import { eventually } from './eventually';
import type { DivergenceRow, MirroredRow } from './mirror-view';
import { databaseNow, divergencesIn, rowsIn } from './mirror-view';
import type { Proof } from './proof';
import type { RtdbRest } from './rtdb-rest';
import { type SceneView, sceneSteps } from './scene-steps';

const TIMEOUT_MS = 60_000;

export interface SceneOptions {
  rtdb: RtdbRest;
  proof: Proof;
  /** The Postgres that the functions write to. */
  pool: Pool;
  onStep: (line: string) => void;
}

export interface SceneResult {
  rows: MirroredRow[];
  divergences: DivergenceRow[];
  /** What did not come out as expected; empty when all did. */
  failures: string[];
}

/** Lets two couples use the app for a moment, compares both stores, and waits until Postgres shows each step. */
export async function playScene({ rtdb, proof, pool, onStep }: SceneOptions): Promise<SceneResult> {
  const since = await databaseNow(pool);
  const look = async (): Promise<SceneView> => ({
    rows: await rowsIn(pool, { since }),
    divergences: await divergencesIn(pool, { since }),
  });
  const failures: string[] = [];
  for (const step of sceneSteps(rtdb, proof, new Date())) {
    onStep(step.line);
    await step.act();
    let missing = step.expected;
    const isComplete = async (): Promise<boolean> => {
      const seen = await look();
      missing = step.expected.filter(({ holds }) => !holds(seen));
      return missing.length === 0;
    };
    await eventually(isComplete, { timeoutMs: TIMEOUT_MS }).catch(() => {});
    for (const { what } of missing) {
      failures.push(`after ${TIMEOUT_MS / 1000} s Postgres still does not show ${what}`);
    }
    // What follows builds on it, and would only make a newcomer wait another minute.
    if (missing.length > 0) break;
  }
  return { ...(await look()), failures };
}
