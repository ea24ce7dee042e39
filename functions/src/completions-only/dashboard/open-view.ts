import { html } from 'hono/html';
import type { OpenDivergences } from '../postgres/open-divergences';
import { count, type Markup, severityBadge, words } from './markup';
import { hrefOf, type ViewQuery } from './view-query';

/** What is open, by kind and cause; a click filters the table. Bars are SVG: no script is needed. */
export function openView(open: readonly OpenDivergences[], query: ViewQuery): Markup {
  const most = Math.max(1, ...open.map((one) => one.open));
  const total = open.reduce((sum, one) => sum + one.open, 0);
  return html`<section class="card" aria-labelledby="open-now">
    <h3 id="open-now">Open divergences now</h3>
    <p class="about">
      ${count(total)} open, by kind and cause; the worst first. The bars share one scale.
    </p>
    ${
      open.length === 0
        ? html`<p class="empty">None is open.</p>`
        : html`<ul class="bars">
            ${open.map((one) => barOf(one, most, query))}
          </ul>`
    }
  </section>`;
}

function barOf(
  { kind, cause, severity, open }: OpenDivergences,
  most: number,
  query: ViewQuery,
): Markup {
  const filter = { kind, cause, severity, state: 'open', couple: null, day: null } as const;
  const width = Math.max(0.5, (100 * open) / most).toFixed(1);
  return html`<li>
    <a data-go data-to="divergences" href="${hrefOf(query, { ...filter, page: 1, story: null })}">
      ${severityBadge(severity)}
      <span>${words(kind)} <small>by ${words(cause)}</small></span>
      <span class="number">${count(open)}</span>
    </a>
    <svg class="bar ${severity}" width="100%" height="6" aria-hidden="true">
      <rect width="100%" height="6" class="track" rx="3" />
      <rect width="${width}%" height="6" rx="3" />
    </svg>
  </li>`;
}
