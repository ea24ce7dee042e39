import { coupleOf, postedEvent, type Write } from './cloud-event';
import { documentWrites } from './documents';

/** The leaves that events write: completions, or documents of about so many bytes. */
export const WORKLOADS = ['completions', '1.5 KB', '4.5 KB'] as const;
export type Workload = (typeof WORKLOADS)[number];

/** Which of the mirrored paths a workload writes. */
export type Kind = 'completions' | 'documents';

export function kindOf(workload: Workload): Kind {
  return workload === 'completions' ? 'completions' : 'documents';
}

interface Traffic {
  /** One event in so many writes a leaf again that an earlier one created. An even number. */
  updateEvery: number;
  /**
   * How many events earlier: far enough back to have been answered, since ordering is what the tests
   * are for. An odd number, so that the leaf was created by an event that isn't an update itself.
   */
  updateDistance: number;
  write(roundId: string, leaf: number, isUpdate: boolean): Write;
}

/** A little more than are in flight: a document's update is half of what is measured. */
const DOCUMENTS = { updateEvery: 2, updateDistance: 81 };

const TRAFFIC: Readonly<Record<Workload, Traffic>> = {
  completions: { updateEvery: 10, updateDistance: 605, write: completionWrite },
  '1.5 KB': { ...DOCUMENTS, write: documentWrites(1_500) },
  '4.5 KB': { ...DOCUMENTS, write: documentWrites(4_500) },
};

/** Whether event `index` of a round writes an existing leaf again. */
export function isUpdate(workload: Workload, index: number): boolean {
  const { updateEvery, updateDistance } = TRAFFIC[workload];
  return index >= updateDistance && index % updateEvery === 0;
}

/** Event `index` of a round as the platform posts it. Updates have ids that end in `-u`. */
export function eventRequest(workload: Workload, roundId: string, index: number): string {
  const update = isUpdate(workload, index);
  const { updateDistance, write } = TRAFFIC[workload];
  const leaf = update ? index - updateDistance : index;
  const written = write(roundId, leaf, update);
  return postedEvent(`${roundId}-${index}${update ? '-u' : '-n'}`, index, written);
}

const DATE_KEY = '2026-11-22';

/** A quest's completion: created with `true`, and made a time by its second write. */
function completionWrite(roundId: string, leaf: number, isUpdate: boolean): Write {
  const { coupleId, first, second } = coupleOf(leaf);
  const userId = leaf % 2 === 0 ? first : second;
  return {
    ref: `daily_quests/${coupleId}/${DATE_KEY}/completions/quest_${roundId}_${leaf}_quiz/${userId}`,
    userId,
    data: isUpdate ? 'true' : 'null',
    delta: isUpdate ? String(Date.now()) : 'true',
  };
}
