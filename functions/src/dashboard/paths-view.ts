import { html } from 'hono/html';
import type { PathEvidence } from '../gate/evidence';
import type { PathAnswer } from '../gate/gate';
import { formatShare, plainRate } from '../gate/rate';
import { durationOf } from '../gate/sentence';
import { millisOf } from '../values/event-time';
import { count, type Markup, outside, time, unavailable, VERDICTS } from './markup';
import type { Panel, ReadingAges, Verdict } from './read-view';
import { boundsOf, shardsWord } from './verdict-view';
import { hrefOf, type ViewQuery } from './view-query';

const COLUMNS = [
  ...['Path', 'Verdict', 'Copy', 'Mirror, 24 h', 'Verified to', 'Couples read', 'Not known'],
  'Full readings',
];

/** Each path with its rates, and how its readings cover it; a click shows that path alone below. */
export function pathsView(panel: Panel<Verdict>, query: ViewQuery): Markup {
  return html`<section data-part="paths" aria-labelledby="paths">
    <div class="section-head">
      <h2 id="paths">Paths and their readings</h2>
      ${
        query.path === null
          ? ''
          : html`<a data-go id="all-paths" href="${hrefOf(query, { path: null, page: 1, story: null })}"
              >Show all paths</a
            >`
      }
    </div>
    ${panel.ok ? list(panel.value, query) : unavailable('The paths', panel.reason)}
  </section>`;
}

function list({ gate, ages }: Verdict, query: ViewQuery): Markup {
  if (gate.paths.length === 0) {
    return html`<p class="empty">No path is mirrored. <code>mirror migrate</code> declares them.</p>`;
  }
  return html`<table class="rows paths" role="table" aria-label="Paths">
      <thead role="rowgroup">
        <tr role="row">
          ${COLUMNS.map((title) => html`<th role="columnheader" scope="col">${title}</th>`)}
        </tr>
      </thead>
      <tbody role="rowgroup">
        ${gate.paths.map((answer, place) => {
          const evidence = gate.evidence[place];
          const age = ages.find(({ path }) => path === answer.path);
          return evidence === undefined ? '' : row(answer, evidence, age, query);
        })}
      </tbody>
    </table>
    <p class="dim">
      Couples read: by how long ago that was. Not
      known: couples unread since "verified to" or unreadable, and keys that count both ways.
    </p>`;
}

function row(
  answer: PathAnswer,
  evidence: PathEvidence,
  age: ReadingAges | undefined,
  query: ViewQuery,
): Markup {
  const { path, verdict } = answer;
  const { sign, word, level } = VERDICTS[verdict];
  const href = hrefOf(query, { path, page: 1, story: null });
  const cells: [string, Markup | string][] = [
    [
      'Path',
      html`<a data-go id="path-${path}" href="${href}" aria-current="${String(path === query.path)}"
        ><bdi>${path}</bdi></a
      >`,
    ],
    [
      'Verdict',
      html`<span class="badge ${level}"><span aria-hidden="true">${sign}</span> ${word}</span>`,
    ],
    ['Copy', rateCell(answer.copy)],
    ['Mirror, 24 h', rateCell(answer.mirror)],
    ['Verified to', verifiedCell(answer)],
    ['Couples read', agesCell(answer, age)],
    ['Not known', unknownCell(answer, evidence)],
    ['Full readings', fullCell(evidence)],
  ];
  return html`<tr role="row" class="${path === query.path ? 'chosen' : ''}">
    ${cells.map(
      ([name, cell]) => html`<td role="cell" data-name="${name}"><div>${cell}</div></td>`,
    )}
  </tr>`;
}

function rateCell(rate: PathAnswer['copy']): Markup {
  const plain = plainRate(rate);
  const { total, differing, unknown, lower, upper } = rate;
  if (plain === null) {
    return html`none <small>${unknown > 0 ? `${count(unknown)} unknown` : ''}</small>`;
  }
  const isJudgedSo = lower === plain && upper === plain;
  return html`${formatShare(plain)}
    <small
      >${count(total - unknown - differing)} of
      ${count(total - unknown)}${isJudgedSo ? '' : `; judged ${boundsOf({ lower, upper })}`}</small
    >`;
}

function verifiedCell({ at, verifiedTo }: PathAnswer): Markup {
  if (verifiedTo === null) return html`nothing yet`;
  const ageMs = Math.max(0, millisOf(at) - millisOf(verifiedTo));
  return html`${durationOf(ageMs)} ago <small>${time(verifiedTo)}</small>`;
}

/** Up to how many hours, and how the bar shows it. */
const AGES = [
  [1, 'within 1 h'],
  [6, 'within 6 h'],
  [24, 'within 24 h'],
  [Infinity, 'longer ago'],
] as const;

/** How many shards were read how long ago, in {@link AGES}; never read ones come last. Pure. */
export function agesOf({ byHours, unread }: Pick<ReadingAges, 'byHours' | 'unread'>): number[] {
  let from = 0;
  const sums = AGES.map(([to]) => {
    const sum = byHours.slice(from, to).reduce((all, one) => all + one, 0);
    from = to;
    return sum;
  });
  return [...sums, unread];
}

function agesCell({ shards }: PathAnswer, age: ReadingAges | undefined): Markup {
  if (age === undefined) {
    return html`${count(shards)} <small>their ages weren't counted yet</small>`;
  }
  const ages = agesOf(age);
  const total = Math.max(
    1,
    ages.reduce((sum, one) => sum + one, 0),
  );
  const names = [...AGES.map(([, name]) => name), 'never'];
  const told = ages.flatMap((n, place) => (n > 0 ? [`${count(n)} ${names[place]}`] : []));
  let x = 0;
  const bars = ages.map((n, place) => {
    const width = (100 * n) / total;
    const bar =
      n === 0
        ? ''
        : html`<rect x="${x.toFixed(2)}%" width="${width.toFixed(2)}%" height="6" class="age-${place}" />`;
    x += width;
    return bar;
  });
  return html`${count(shards)} ${shardsWord(shards)} <small>${told.join(', ')}</small>
    <svg class="ages" width="100%" height="6" aria-hidden="true">${bars}</svg>`;
}

function unknownCell({ unreadShards, copy, mirror }: PathAnswer, evidence: PathEvidence): Markup {
  const { failedShards, failedShard, failedError } = evidence;
  const keys = copy.unknown + mirror.unknown;
  if (unreadShards + failedShards + keys === 0) return html`nothing`;
  const parts = [
    ...(unreadShards > 0 ? [`${count(unreadShards)} ${shardsWord(unreadShards)} unread`] : []),
    ...(failedShards > 0 ? [`${count(failedShards)} can't be read`] : []),
    ...(copy.unknown > 0 ? [`${count(copy.unknown)} keys of the copy`] : []),
    ...(mirror.unknown > 0 ? [`${count(mirror.unknown)} keys written`] : []),
  ];
  return html`${parts.join(', ')}
    ${
      failedShard === null
        ? ''
        : html`<small>${outside(failedShard, 60)}: ${outside(failedError ?? 'no reason', 160)}</small>`
    }`;
}

function fullCell({ oldestFullAt, oldFullShards }: PathEvidence): Markup {
  const oldest = oldestFullAt === null ? html`none yet` : html`oldest ${time(oldestFullAt)}`;
  return html`${oldest}
    <small>${oldFullShards > 0 ? `${count(oldFullShards)} ${shardsWord(oldFullShards)} overdue` : ''}</small>`;
}
