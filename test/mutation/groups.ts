/** Modules that are mutated together, and the tests that are to notice: few, so that a run is fast. */
export interface MutationGroup {
  name: string;
  /** Below functions/src. */
  modules: readonly string[];
  /** Test files, below test/. */
  tests: readonly string[];
}

export const GROUPS: readonly MutationGroup[] = [
  {
    name: 'values',
    modules: [
      'event-time.ts',
      'json.ts',
      'printable.ts',
      'rtdb-value.ts',
      'same-value.ts',
      'storable.ts',
    ].map((file) => `values/${file}`),
    tests: [
      'unit/event-time',
      'unit/completion-value',
      'unit/storable',
      'unit/printable',
      'property/same-value',
    ],
  },
  {
    name: 'order',
    modules: [
      'values/utf8-order.ts',
      'paths/quest-completions/key-order.ts',
      'completions-only/reconcile/merge-sorted.ts',
    ],
    tests: ['property/merge-sorted'],
  },
  {
    name: 'flag',
    modules: ['flag/flag-rule.ts', 'flag/read-condition.ts', 'flag/server-template.ts'],
    tests: ['unit/flag-rule', 'unit/read-condition', 'unit/flag-not-understood'],
  },
  {
    name: 'edges',
    modules: [
      'postgres/sqlstate.ts',
      'canary/judge-canary.ts',
      'api/claim-body.ts',
      'api/rtdb-key.ts',
    ],
    tests: ['unit/judge-canary', 'unit/claim-body', 'integration/sqlstate'],
  },
  {
    name: 'gate',
    modules: ['gate.ts', 'gate-sentence.ts', 'rate.ts', 'window.ts'].map(
      (f) => `completions-only/reconcile/${f}`,
    ),
    tests: ['report/gate'],
  },
  {
    name: 'causes',
    modules: ['completions-only/reconcile/cause.ts', 'completions-only/reconcile/write-span.ts'],
    tests: ['unit/cause', 'unit/write-span'],
  },
  {
    name: 'comparison',
    modules: [
      'compare-leaf.ts',
      'compare-sides.ts',
      'mismatch.ts',
      'shards.ts',
      'date-range.ts',
      'leaves-of-couple.ts',
      'gap-days.ts',
      'limit-concurrency.ts',
    ].map((file) => `completions-only/reconcile/${file}`),
    tests: [
      'unit/compare-leaf',
      'unit/leaves-of-couple',
      'unit/shards',
      'unit/days',
      'unit/limit-concurrency',
      'property/compare-sides',
    ],
  },
  {
    name: 'quests',
    modules: [
      'completion-path.ts',
      'completion-value.ts',
      'partner.ts',
      'quest-completions.ts',
    ].map((file) => `paths/quest-completions/${file}`),
    tests: [
      'unit/completion-path',
      'unit/completion-value',
      'unit/written-event',
      'integration/gaps',
    ],
  },
  {
    name: 'events',
    modules: ['events/event-ref.ts', 'events/written-event.ts'],
    tests: ['unit/completion-path', 'unit/written-event', 'integration/divergence-rows'],
  },
  {
    name: 'mirror',
    modules: [
      'mirror-event.ts',
      'refusals.ts',
      'day-overwrite.ts',
      'retention.ts',
      'log-outcome.ts',
      'routine-lines.ts',
      'held-store.ts',
    ].map((file) => `mirror/${file}`),
    tests: [
      'integration/outcomes',
      'integration/gaps',
      'integration/divergence-rows',
      'unit/day-overwrite',
      'unit/routine-lines',
      'unit/log-outcome',
      'unit/held-store',
      'second-path/second-path',
    ],
  },
  {
    name: 'coalescer',
    modules: ['mirror/coalescer.ts'],
    tests: ['unit/coalescer'],
  },
];
