import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JsonValue } from '../../support/cloud-event';

/** One write of the app, as its services make it. */
export interface AppWrite {
  /** Its place in the order; 1 is the first. */
  readonly n: number;
  readonly op: 'set' | 'update' | 'remove';
  readonly path: string;
  /** As the SDK is given it, server values included; a removal has none. */
  readonly value?: JsonValue;
  readonly by: string;
  /** A phone signs in as nobody: the app doesn't use Firebase Auth. */
  readonly auth: 'phone' | 'admin';
  readonly note?: string;
}

export interface AppFixture {
  /** RTDB as it exports itself, before the writes. */
  readonly before: JsonValue;
  readonly writes: readonly AppWrite[];
  /** And after them. */
  readonly after: JsonValue;
}

/** A path of the app that is mirrored. */
export interface AppPath {
  readonly name: string;
  readonly ref: string;
  readonly trigger: string;
}

export const APP_PATHS: readonly AppPath[] = [
  {
    name: 'quest_completions',
    ref: 'daily_quests/{coupleId}/{dateKey}/completions/{questId}/{userId}',
    trigger: 'mirrorQuestCompletion',
  },
  {
    name: 'daily_quests',
    ref: 'daily_quests/{coupleId}/{dateKey}/quests',
    trigger: 'mirrorDailyQuests',
  },
  {
    name: 'quiz_progression',
    ref: 'quiz_progression/{coupleId}',
    trigger: 'mirrorQuizProgression',
  },
  {
    name: 'quiz_sessions',
    ref: 'quiz_sessions/{coupleId}/{sessionId}',
    trigger: 'mirrorQuizSession',
  },
  {
    name: 'you_or_me_sessions',
    ref: 'you_or_me_sessions/{coupleId}/{sessionId}',
    trigger: 'mirrorYouOrMeSession',
  },
  { name: 'lp_awards', ref: 'lp_awards/{coupleId}/{awardId}', trigger: 'mirrorLpAward' },
  {
    name: 'memory_puzzles',
    ref: 'memory_puzzles/{coupleId}/{puzzleId}',
    trigger: 'mirrorMemoryPuzzle',
  },
  { name: 'steps', ref: 'steps_data/{coupleId}/days/{dateKey}', trigger: 'mirrorSteps' },
];

export const NEVER_MIRRORED = ['pairing_codes', 'dev_emulators', 'daily_pulses'] as const;

/** The app's nine trees and those of its steps, which came later, as one. */
export function appFixture(): AppFixture {
  return {
    before: { ...read('app-trees'), ...read('steps-trees') },
    writes: appWrites(),
    after: { ...read('app-trees-after'), ...read('steps-trees-after') },
  };
}

export function appWrites(): readonly AppWrite[] {
  return [...readWrites('app-writes'), ...readWrites('steps-writes')];
}

function read(name: string): { [key: string]: JsonValue } {
  return JSON.parse(textOf(name));
}

function readWrites(name: string): AppWrite[] {
  return JSON.parse(textOf(name));
}

function textOf(name: string): string {
  return readFileSync(join(__dirname, '..', '..', 'fixtures', 'app', `${name}.json`), 'utf8');
}
