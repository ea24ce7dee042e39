import { html } from 'hono/html';
import type { MirroredPath } from '../paths/mirrored-path';
import type { DivergenceRow, OpenDivergences } from './divergence-pages';
import {
  count,
  cut,
  type Markup,
  outside,
  severityBadge,
  time,
  unavailable,
  words,
} from './markup';
import type { OpenStory } from './read-story';
import type { DivergencePage, Panel } from './read-view';
import { storyView } from './story-view';
import { hrefOf, PAGE_SIZE, type ViewQuery } from './view-query';

const COLUMNS = [
  ['severity', 'Severity'],
  ['kind', 'Kind'],
  ['cause', 'Cause'],
  [null, 'Leaf'],
  ['day', 'Day'],
  ['first_seen', 'First seen (UTC)'],
  ['times_seen', 'Seen'],
  [null, 'State'],
] as const;

/** The table of divergences, with the story of the one that is open. */
export function divergencesView(
  panel: Panel<DivergencePage>,
  story: Panel<OpenStory> | null,
  query: ViewQuery,
  paths: readonly MirroredPath[],
): Markup {
  if (!panel.ok) {
    return html`<div data-part="divergences">
      ${unavailable('The table', panel.reason)} ${looseStory([], story, query)}
    </div>`;
  }
  const { rows, total } = panel.value;
  return html`<div data-part="divergences">
    <div class="toolbar">
      <p role="status" id="total">${countLine(panel.value, query)}</p>
      <p>
        Export these:
        <a href="${hrefOf(query, { story: null, page: 1 }, { export: 'csv' })}" download>CSV</a>
        <a href="${hrefOf(query, { story: null, page: 1 }, { export: 'json' })}" download>JSON</a>
      </p>
    </div>
    ${looseStory(rows, story, query)}
    ${
      rows.length === 0
        ? html`<p class="empty">${nothing(total, query)}</p>`
        : html`<table class="rows" role="table" aria-label="Divergences">
            <thead role="rowgroup">
              <tr role="row">
                ${COLUMNS.map(([name, title]) => heading(name, title, query))}
              </tr>
            </thead>
            <tbody role="rowgroup">
              ${rows.map((row) => rowView(row, row.id === query.story ? story : null, query, paths))}
            </tbody>
          </table>`
    }
    ${pager(total, query)}
  </div>`;
}

const STATE_WORDS = {
  todo: 'open, to act on',
  open: 'open',
  resolved: 'resolved',
  all: '',
} as const;

function countLine({ total, keys, rows }: DivergencePage, { page, state }: ViewQuery): string {
  const first = (page - 1) * PAGE_SIZE;
  const which = STATE_WORDS[state] === '' ? '' : ` ${STATE_WORDS[state]}`;
  const of = keys > total ? `, of ${count(keys)} keys` : '';
  const all = `${count(total)} divergence${total === 1 ? '' : 's'}${which}${of}`;
  return rows.length === 0 ? all : `${all}; ${count(first + 1)} to ${count(first + rows.length)}`;
}

function nothing(total: number, query: ViewQuery): Markup | string {
  if (total > 0) {
    return html`This page does not exist.
      <a data-go href="${hrefOf(query, { page: 1 })}">Go to the first</a>`;
  }
  if (query.state !== 'todo') return 'No divergences match this filter.';
  return html`No divergence needs you.
    <a data-go href="${hrefOf(query, { state: 'open', page: 1 })}">Show all that are open</a>`;
}

function heading(name: string | null, title: string, query: ViewQuery): Markup {
  if (name === null) return html`<th role="columnheader" scope="col">${title}</th>`;
  const isDown = query.sort === `-${name}`;
  const isSorted = isDown || query.sort === name;
  const href = hrefOf(query, { sort: isDown ? name : `-${name}`, page: 1 });
  return html`<th
    role="columnheader"
    scope="col"
    aria-sort="${isSorted ? (isDown ? 'descending' : 'ascending') : 'none'}"
  >
    <a data-go id="sort-${name}" href="${href}"
      >${title}<span aria-hidden="true">${isSorted ? (isDown ? ' ↓' : ' ↑') : ''}</span></a
    >
  </th>`;
}

function rowView(
  row: DivergenceRow,
  story: Panel<OpenStory> | null,
  query: ViewQuery,
  paths: readonly MirroredPath[],
): Markup {
  const isOpen = story !== null;
  const href = `${hrefOf(query, { story: isOpen ? null : row.id })}#d${row.id}`;
  const end =
    row.resolvedAt === null
      ? html`open`
      : html`resolved <small>${row.resolvedBy === null ? '' : `by ${row.resolvedBy}, `}${time(row.resolvedAt)}</small>`;
  const cells: [string, Markup | string][] = [
    ['Severity', severityBadge(row.severity)],
    ['Kind', words(row.kind)],
    ['Cause', words(row.cause)],
    [
      'Leaf',
      html`<a data-go id="d${row.id}" aria-expanded="${String(isOpen)}" href="${href}">
      ${nameOf(row, paths)}</a>`,
    ],
    ['Day', row.day === null ? '–' : cut(row.day)],
    ['First seen', time(row.firstSeenAt)],
    ['Seen', row.timesSeen === 1 ? 'once' : `${count(row.timesSeen)} times`],
    ['State', end],
  ];
  return html`<tr role="row" class="${isOpen ? 'opened' : ''}">
      ${cells.map(
        ([name, cell]) => html`<td role="cell" data-name="${name}"><div>${cell}</div></td>`,
      )}
    </tr>
    ${
      story === null
        ? ''
        : html`<tr role="row" class="story-row">
            <td role="cell" colspan="${COLUMNS.length}">${storyView(story)}</td>
          </tr>`
    }`;
}

/** Which key of which shard; the ref where the row is about no single key, or of a path that nobody declares. */
function nameOf(row: DivergenceRow, paths: readonly MirroredPath[]): Markup {
  const { path, shard, key, ref, keys } = row;
  const declared = paths.find(({ name }) => name === path);
  if (keys > 1) {
    return html`${count(keys)} keys
      <small>of ${cut(path)} in ${outside(shard ?? ref, 90)}</small>`;
  }
  const parts = (declared?.keyColumns ?? [])
    .filter((column, place) => place > 0 && column !== declared?.dayColumn)
    .flatMap((column) => (typeof key?.[column] === 'string' ? [key[column]] : []));
  const [first, ...rest] = parts;
  if (first === undefined) return html`${outside(ref, 90)} <small>${cut(path)}</small>`;
  return html`${outside(first, 48)}
    <small
      >${rest.map((part) => html`/ ${outside(part, 36)} `)}of ${cut(path)} in
      ${outside(shard ?? '', 60)}</small
    >`;
}

/** A story whose row is on another page, such as one that healed while it was read. */
function looseStory(
  rows: readonly DivergenceRow[],
  story: Panel<OpenStory> | null,
  query: ViewQuery,
): Markup | string {
  if (story === null || rows.some(({ id }) => id === query.story)) return '';
  return html`<div class="loose">
    <p>
      The divergence that is open is not among these rows.
      <a data-go href="${hrefOf(query, { story: null })}">Close it</a>
    </p>
    ${storyView(story)}
  </div>`;
}

function pager(total: number, query: ViewQuery): Markup | string {
  const pages = Math.ceil(total / PAGE_SIZE);
  if (pages <= 1) return '';
  const link = (page: number, title: string, id: string) =>
    page < 1 || page > pages
      ? html`<span class="dim">${title}</span>`
      : html`<a data-go id="${id}" href="${hrefOf(query, { page })}">${title}</a>`;
  return html`<nav class="pager" aria-label="Pages of divergences">
    ${link(query.page - 1, '← Previous', 'previous')}
    <span>page ${count(query.page)} of ${count(pages)}</span>
    ${link(query.page + 1, 'Next →', 'next')}
  </nav>`;
}

/** What is open, by kind and cause; a click filters the table. Bars are SVG: no script is needed. */
export function openView(open: readonly OpenDivergences[], query: ViewQuery): Markup {
  const most = Math.max(1, ...open.map((one) => one.keys));
  const total = open.reduce((sum, one) => sum + one.keys, 0);
  return html`<section class="card" aria-labelledby="open-now">
    <h3 id="open-now">Open divergences now</h3>
    <p class="about">
      ${count(total)} keys, by kind and cause; the worst first. The bars share one scale.
    </p>
    ${
      open.length === 0
        ? html`<p class="empty">No difference is open.</p>`
        : html`<ul class="bars">
            ${open.map((one) => barOf(one, most, query))}
          </ul>`
    }
  </section>`;
}

function barOf(
  { kind, cause, severity, keys }: OpenDivergences,
  most: number,
  query: ViewQuery,
): Markup {
  const filter = { kind, cause, severity, state: 'open', couple: null, day: null } as const;
  const width = Math.max(0.5, (100 * keys) / most).toFixed(1);
  return html`<li>
    <a data-go data-to="divergences" href="${hrefOf(query, { ...filter, page: 1, story: null })}">
      ${severityBadge(severity)}
      <span>${words(kind)} <small>by ${words(cause)}</small></span>
      <span class="number">${count(keys)}</span>
    </a>
    <svg class="bar ${severity}" width="100%" height="6" aria-hidden="true">
      <rect width="100%" height="6" class="track" rx="3" />
      <rect width="${width}%" height="6" rx="3" />
    </svg>
  </li>`;
}
