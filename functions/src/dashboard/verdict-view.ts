import { html } from 'hono/html';
import { FLAG } from '../flag/flag-rule';
import { ownName } from '../flag/server-template';
import { steadyLossNotSeen } from '../gate/canaries';
import type { PathEvidence } from '../gate/evidence';
import { explainedTally } from '../gate/explained';
import { isNotReady, type PathAnswer, type Reason } from '../gate/gate';
import { formatShare, plainRate, sumOf } from '../gate/rate';
import { THRESHOLD } from '../gate/read-gate';
import { durationOf, gateSentence, nextCommand } from '../gate/sentence';
import { millisOf } from '../values/event-time';
import { count, cut, type Markup, outside, time, unavailable, VERDICTS } from './markup';
import type { Panel, Verdict } from './read-view';

/** What the page knows of the mirror's deployment. */
export interface DeployedMirror {
  /** Of a kit; null = the functions are no kit's. */
  instance: string | null;
  /** The parameter of the dashboard's own deployment, which is that of the triggers. */
  isEnabledHere: boolean;
}

/** The gate in one sentence, what to do next, and what stands beside it. */
export function verdictView(panel: Panel<Verdict>, mirror: DeployedMirror): Markup {
  if (!panel.ok) {
    return html`<section class="gate cannot_tell" data-part="verdict" aria-labelledby="gate">
      <h1 id="gate"><span class="sign" aria-hidden="true">?</span> Can't tell</h1>
      ${unavailable('The gate', panel.reason)}
    </section>`;
  }
  const { gate, windowMs } = panel.value;
  const { sign, word } = VERDICTS[gate.verdict];
  const sentence = gateSentence(gate, { threshold: THRESHOLD, windowMs });
  return html`<section class="gate ${gate.verdict}" data-part="verdict" aria-labelledby="gate">
    <h1 id="gate"><span class="sign" aria-hidden="true">${sign}</span> ${word}</h1>
    <p class="sentence" id="sentence">${outside(sentence, 2_000)}</p>
    <p class="next" id="next-step"><strong>What to do next:</strong> ${nextStep(panel.value, mirror)}</p>
    <dl class="tiles">
      ${rateTile(panel.value, 'copy')} ${rateTile(panel.value, 'mirror')}
      ${readingsTile(panel.value)} ${canaryTile(panel.value)}
      ${flagTile(panel.value, mirror)}
    </dl>
  </section>`;
}

const STEPS: Partial<Record<Reason['code'], (flag: string) => Markup>> = {
  off: (flag) => html`turn mirroring on: set <code>${flag}</code> to true.`,
  percent: (flag) => html`raise <code>${flag}</code> to all couples.`,
  outage: () => html`bring Postgres back within reach. RTDB's events are retried for 24 h.`,
  canaries_lost: () => html`run <code>mirror doctor</code>: triggers don't bring what RTDB sends.`,
};

function nextStep({ gate, windowMs }: Verdict, { instance }: DeployedMirror): Markup {
  if (gate.verdict === 'ready') {
    return html`just before you cut over, ask once more with readings of the last two hours:
      <code>mirror report</code>.`;
  }
  if (gate.verdict === 'cannot_tell') {
    const command = nextCommand(gate) ?? 'mirror report';
    if (command !== 'mirror report') return html`run <code>${command}</code>.`;
    return html`wait: the gate looks at ${durationOf(windowMs)} of writes. Then ask again:
      <code>mirror report</code>.`;
  }
  const codes = gate.paths.flatMap(({ reasons }) => reasons.filter(isNotReady));
  const step = codes.map(({ code }) => STEPS[code]).find((one) => one !== undefined);
  return (
    step?.(ownName(FLAG, instance)) ??
    html`look at <a href="#divergences">what differs</a>, then run <code>mirror repair</code>, which
      shows what it would change before it changes anything.`
  );
}

function tile(name: string, figure: Markup | string, note: Markup | string, state = ''): Markup {
  return html`<div class="tile ${state}">
    <dt>${name}</dt>
    <dd class="figure">${figure}</dd>
    <dd class="note">${note}</dd>
  </div>`;
}

/** The rate over all paths as it stands; the bounds are those of the worst path, which the gate judges by. */
function rateTile({ gate, windowMs }: Verdict, name: 'copy' | 'mirror'): Markup {
  const title =
    name === 'copy'
      ? 'Copy: all keys that agree'
      : `Mirror: of those written in ${durationOf(windowMs)}`;
  const sum = sumOf(gate.paths.map((path) => path[name]));
  const rate = plainRate(sum);
  if (rate === null) return tile(title, 'none', 'nothing is known yet', 'dim');
  const [worst] = [...gate.paths].sort((a, b) => a[name].lower - b[name].lower);
  const explained = plainRate(sumOf(gate.evidence.map((one) => explainedTally(one, name))));
  const isLow = worst !== undefined && worst[name].lower < THRESHOLD;
  const note = html`${count(sum.total - sum.unknown - sum.differing)} of
  ${count(sum.total - sum.unknown)}${sum.unknown > 0 ? `, ${count(sum.unknown)} unknown` : ''}.
  ${worst === undefined ? '' : html`Judged: ${boundsOf(worst[name])}${gate.paths.length > 1 ? ` (${cut(worst.path)}, the worst path)` : ''}.`}
  ${explained === null || sum.differing === 0 ? '' : `${formatShare(explained)} without what is explained.`}`;
  return tile(title, formatShare(rate), note, isLow ? 'attention' : '');
}

/** As the gate judges: everything unknown as differing, and as agreeing. */
export function boundsOf({ lower, upper }: { lower: number; upper: number }): string {
  return lower === upper ? formatShare(lower) : `${formatShare(lower)} to ${formatShare(upper)}`;
}

/** Of the path that was read longest ago. */
function readingsTile({ gate, maxAgeMs }: Verdict): Markup {
  const title = 'Verified to';
  const [oldest] = [...gate.paths].sort((a, b) =>
    (a.verifiedTo ?? '').localeCompare(b.verifiedTo ?? ''),
  );
  const unread = gate.paths.reduce((sum, path) => sum + path.unreadShards, 0);
  const more = unread === 0 ? '' : ` ${count(unread)} ${shardsWord(unread)} unread since.`;
  if (oldest === undefined) return tile(title, 'nothing', 'no path is mirrored', 'attention');
  if (oldest.verifiedTo === null) {
    return tile(title, 'nothing yet', `not all couples have been read.${more}`, 'attention');
  }
  const ageMs = Math.max(0, millisOf(oldest.at) - millisOf(oldest.verifiedTo));
  const note = html`${time(oldest.verifiedTo)} UTC; may be ${durationOf(maxAgeMs)} old here.${more}`;
  return tile(title, `${durationOf(ageMs)} ago`, note, ageMs > maxAgeMs ? 'attention' : '');
}

export function shardsWord(n: number): string {
  return n === 1 ? 'couple' : 'couples';
}

/** Of all paths; the newest canary is that of the path whose last one is oldest. */
function canaryTile({ gate }: Verdict): Markup {
  const flown = gate.evidence.reduce((sum, one) => sum + one.canaries.flown, 0);
  const came = gate.evidence.reduce((sum, one) => sum + one.canaries.came, 0);
  if (flown === 0) return tile('Canaries', 'none yet', 'one flies every 5 minutes', 'attention');
  const newest = gate.evidence.map((one) => one.canaries.newestAt ?? '').sort()[0] ?? '';
  const unseen = steadyLossNotSeen(mostTelling(gate.evidence).canaries);
  const isBad = gate.paths.some(({ reasons }) => reasons.some(({ code }) => CANARY.has(code)));
  const note = html`came in the last 24 h; the newest flew at
  ${newest === '' ? 'no time' : html`${time(newest)} UTC`}.
  ${unseen === null ? '' : `A steady loss above ${(unseen * 100).toFixed(1)}% would have shown (95%).`}`;
  return tile('Canaries', `${count(came)} of ${count(flown)}`, note, isBad ? 'attention' : '');
}

const CANARY: ReadonlySet<Reason['code']> = new Set(['canaries_lost', 'canary_silent']);

/** Each path has canaries of its own: the one with the fewest says least. */
function mostTelling(evidence: readonly PathEvidence[]): PathEvidence {
  const [fewest] = [...evidence].sort((a, b) => a.canaries.flown - b.canaries.flown);
  return fewest as PathEvidence;
}

/**
 * The flag as instances of the mirror last saw it (`mirror.coverage`), else as this function was deployed: its own
 * parameter is the same deployment's.
 */
function flagTile({ gate }: Verdict, { isEnabledHere }: DeployedMirror): Markup {
  const { state, since } = flagState(gate.paths, isEnabledHere);
  const figure = { on: 'on', off: 'off', percent: 'some couples' }[state];
  const parameter = `${FLAG} is ${isEnabledHere} here`;
  const gaps = new Set(gate.evidence.flatMap((one) => one.gaps.map(({ fromAt }) => fromAt))).size;
  const gapsNote = gaps === 0 ? '' : ` ${gaps} coverage gap${gaps === 1 ? '' : 's'} in 24 h.`;
  const note = html`${since === null ? '' : html`since ${time(since)} UTC; `}${parameter}.${gapsNote}`;
  return tile('Mirroring', figure, note, state === 'on' && gaps === 0 ? '' : 'attention');
}

/** Whether writes are mirrored now, as far as can be told from here. Pure. */
export function flagState(
  paths: readonly Pick<PathAnswer, 'obstacles'>[],
  isEnabledHere: boolean,
): { state: 'on' | 'off' | 'percent'; since: string | null } {
  const obstacles = paths.flatMap((path) => path.obstacles);
  for (const state of ['off', 'percent'] as const) {
    for (const obstacle of obstacles) {
      if (obstacle.code === state) return { state, since: obstacle.since };
    }
  }
  return { state: isEnabledHere ? 'on' : 'off', since: null };
}
