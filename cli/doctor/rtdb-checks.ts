import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { FAN_OUT_LIMIT } from '../../functions/src/reconcile/fan-out';
import {
  RtdbReadError,
  type RtdbRequestOptions,
  requestRtdb,
} from '../../functions/src/rtdb/rtdb-request';
import { createRtdbTree } from '../../functions/src/rtdb/rtdb-tree';
import { type Check, type Diagnosis, type Doctor, fail, ok, skipped, warn } from './check';
import { type FanOut, largestFanOut } from './fan-out';

const RULES_FILE = join(__dirname, '..', '..', 'database.rules.json');

/** The least that shows whether the database answers; `shallow` would list every couple. */
export const ONE_CHILD = { orderBy: '"$key"', limitToFirst: '1' };

const rulesSchema = z.looseObject({
  rules: z.looseObject({ '.read': z.unknown(), '.write': z.unknown() }),
});

/** Rules that are deployed, beside those of this checkout. Pure. */
export function rulesCheck(deployed: unknown, own: unknown): Diagnosis {
  const parsed = rulesSchema.safeParse(deployed);
  if (!parsed.success) return fail('there are no rules', 'deploy rules to the database');
  const { '.read': read, '.write': write } = parsed.data.rules;
  if ([read, write].some((rule) => rule === true || rule === 'true')) {
    return fail('everybody may read or write the whole database', 'deploy rules that are closed');
  }
  if (isDeepStrictEqual(deployed, own)) return ok('those of database.rules.json are deployed');
  return warn(
    'the deployed rules are not those of database.rules.json',
    'compare them: what may be written at completions decides what the mirror refuses',
  );
}

/** What becomes of a write beyond the limits of triggers. Pure. */
export function strictnessCheck(value: unknown): Diagnosis {
  if (value === true) {
    return ok(`on: a write of more than ${FAN_OUT_LIMIT} completions fails for its writer`);
  }
  return warn(
    'off: of a write beyond the limits of triggers events may be lost, without an error',
    'switch strictTriggerValidation on, or reconcile after every import',
  );
}

/** How near the data is to those limits. Pure. */
export function fanOutCheck({ ofDay, ofCouple, couplesRead, couples }: FanOut): Diagnosis {
  const finding =
    `at most ${ofDay} completions under a day, ${ofCouple} under a couple ` +
    `(${couplesRead} of ${couples} couples read)`;
  if (ofDay > FAN_OUT_LIMIT) {
    return fail(
      finding,
      `overwriting such a day exceeds ${FAN_OUT_LIMIT} events: split its writes`,
    );
  }
  if (ofCouple > FAN_OUT_LIMIT) {
    return warn(
      finding,
      `delete and import couples in chunks of up to ${FAN_OUT_LIMIT} completions`,
    );
  }
  return ok(finding);
}

const check = (
  name: string,
  judge: (options: RtdbRequestOptions, doctor: Doctor) => Promise<Diagnosis>,
): Check => ({
  name,
  needs: 'rtdb',
  run: async (doctor) =>
    'problem' in doctor.rtdb ? skipped(doctor.rtdb.problem) : judge(doctor.rtdb, doctor),
});

/** A setting, judged; skipped where the database has no such endpoint, as emulators do not. */
const setting = (name: string, key: string, judge: (value: unknown) => Promise<Diagnosis>): Check =>
  check(name, async (options) => {
    try {
      const { value } = await requestRtdb(['.settings', key], {}, options);
      return await judge(value);
    } catch (error) {
      if (!(error instanceof RtdbReadError)) throw error;
      if (/not whole JSON/.test(error.message)) {
        return warn(
          'the setting is no plain JSON, as rules with comments are',
          'compare it by hand',
        );
      }
      return skipped(`/.settings/${key}.json could not be read: ${error.message}`);
    }
  });

export const RTDB_CHECKS: readonly Check[] = [
  check('rtdb', async (options) => {
    await requestRtdb(['daily_quests'], ONE_CHILD, options);
    return ok(`${options.database.instance} answers`);
  }),
  setting('rules', 'rules', async (deployed) =>
    rulesCheck(deployed, JSON.parse(await readFile(RULES_FILE, 'utf8'))),
  ),
  setting('strict trigger validation', 'strictTriggerValidation', async (value) =>
    strictnessCheck(value),
  ),
  check('largest fan-out', async (options, { sample }) =>
    fanOutCheck(await largestFanOut(createRtdbTree(options), sample)),
  ),
];
