import { millisOf } from '../values/event-time';
import type { Json, JsonObject } from '../values/json';
import { canonicalValue, isSameValue } from '../values/rtdb-value';
import type { CauseTimes, PastWrite } from './circumstances';
import { coverageOf, covers, type Gap, isOff, touches } from './gap-span';

/** An event that a trigger found missing: between which instants it must have been written, by RTDB's clock. */
export interface MissedEvent {
  holes: readonly { from: string; to: string }[];
  /** What the row showed when the gap was seen, as evidence. */
  postgresValue: Json;
  eventTime: string | null;
  firstSeenAt: string;
  direct: PastWrite | null;
  gaps: readonly Gap[];
  nowAt: string;
  times: CauseTimes;
}

/** Why an event was missed; null = it can't be told, and it may still come. Pure. */
export function causeOfMissed(missed: MissedEvent): {
  cause: 'direct_postgres_write' | 'flag_disabled' | 'retries_exhausted';
  evidence: JsonObject;
} | null {
  const { direct, holes, eventTime, nowAt, firstSeenAt, times } = missed;
  const isSeen =
    direct !== null &&
    direct.at <= firstSeenAt &&
    holes.some(({ from }) => from < direct.at) &&
    isSameValue(canonicalValue(direct.newPayload), canonicalValue(missed.postgresValue));
  if (isSeen) {
    const { operation, writtenBy, at } = direct;
    return {
      cause: 'direct_postgres_write',
      evidence: { operation, written_by: writtenBy, written_at: at },
    };
  }
  const off = missed.gaps.filter(isOff);
  const span = ({ from, to }: { from: string; to: string }) => ({
    fromMs: from === '-infinity' ? Number.NEGATIVE_INFINITY : millisOf(from),
    toMs: millisOf(to),
  });
  const [first] = off.filter((gap) => holes.some((hole) => touches(gap, span(hole))));
  if (first !== undefined && holes.every((hole) => covers(off, span(hole), times))) {
    return { cause: 'flag_disabled', evidence: coverageOf(first) };
  }
  if (eventTime === null || millisOf(eventTime) + times.redeliveryMs > millisOf(nowAt)) return null;
  return { cause: 'retries_exhausted', evidence: { reckoned_from: eventTime } };
}
