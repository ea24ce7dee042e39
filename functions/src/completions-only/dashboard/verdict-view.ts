import { html } from 'hono/html';
import { formatRate } from '../reconcile/rate';
import { coverageShare } from './coverage-share';
import { flagState } from './flag-state';
import { count, cut, duration, type Markup, outside, time, unavailable } from './markup';
import type { Panel } from './panel';
import type { Verdict } from './read-view';

const SIGNS = {
  ready: { sign: '✓', word: 'Ready' },
  not_ready: { sign: '✕', word: 'Not ready' },
  cannot_tell: { sign: '?', word: "Can't tell" },
} as const;

/** A canary flies every five minutes: two in a row that are not there are worth a look. */
const CANARY_LATE_MS = 11 * 60_000;

/** The gate in one sentence, and what stands beside it. */
export function verdictView(panel: Panel<Verdict>, isEnabledHere: boolean): Markup {
  if (!panel.ok) {
    return html`<section class="gate cannot_tell" data-part="verdict" aria-labelledby="gate">
      <h1 id="gate"><span class="sign" aria-hidden="true">?</span> Can't tell</h1>
      ${unavailable('The gate', panel.reason)}
    </section>`;
  }
  const { gate } = panel.value;
  const { sign, word } = SIGNS[gate.verdict];
  // The sentence opens with the verdict, as on the command line; here that is the heading.
  return html`<section class="gate ${gate.verdict}" data-part="verdict" aria-labelledby="gate">
    <h1 id="gate"><span class="sign" aria-hidden="true">${sign}</span> ${word}</h1>
    <p class="sentence" id="sentence">${outside(gate.sentence, 2_000)}</p>
    <dl class="tiles">
      ${rateTile(panel.value)} ${coverageTile(panel.value)} ${canaryTile(panel.value)}
      ${flagTile(panel.value, isEnabledHere)}
    </dl>
  </section>`;
}

function tile(name: string, figure: Markup | string, note: Markup | string, state = ''): Markup {
  return html`<div class="tile ${state}">
    <dt>${name}</dt>
    <dd class="figure">${figure}</dd>
    <dd class="note">${note}</dd>
  </div>`;
}

function rateTile({ gate }: Verdict): Markup {
  const { raw, explained } = gate;
  const rate = formatRate(raw);
  if (rate === null) return tile('Raw consistency, 24 h', 'none', 'nothing was compared', 'dim');
  const note = html`${count(raw.matched)} of ${count(raw.compared)} keys;
  ${formatRate(explained)} without what is explained`;
  return tile('Raw consistency, 24 h', rate, note);
}

function coverageTile({ gate }: Verdict): Markup {
  const { gaps } = gate.facts;
  // Cut, not rounded: a gap of a second does not look like none.
  const percent = Math.floor(coverageShare(gate.window, gaps) * 1_000_000) / 10_000;
  const open = gaps.filter(({ toAt }) => toAt === null);
  const reasons = [...new Set(gaps.map(({ reason }) => reason.replaceAll('_', ' ')))].join(', ');
  const noun = gaps.length === 1 ? 'gap' : 'gaps';
  const note =
    gaps.length === 0
      ? 'mirroring was on throughout'
      : `${gaps.length} ${noun} (${cut(reasons)})${open.length > 0 ? `, ${open.length} not over` : ''}`;
  return tile('Coverage, 24 h', `${percent}%`, note, gaps.length > 0 ? 'attention' : '');
}

function canaryTile({ canaryAgeMs }: Verdict): Markup {
  if (canaryAgeMs === null) return tile('Canary', 'none yet', 'none has arrived', 'attention');
  const isLate = canaryAgeMs > CANARY_LATE_MS;
  const note = isLate ? 'late: one is due every 5 minutes' : 'one flies every 5 minutes';
  return tile('Canary', `${duration(canaryAgeMs)} ago`, note, isLate ? 'attention' : '');
}

function flagTile({ gate }: Verdict, isEnabledHere: boolean): Markup {
  const { state, since, source } = flagState(gate.facts.gaps, isEnabledHere);
  const figure = { on: 'on', off: 'off', percent: 'some couples' }[state];
  const note = since === null ? source : html`since ${time(since)} UTC; ${source}`;
  return tile('Mirroring', figure, note, state === 'on' ? '' : 'attention');
}
