import { html } from 'hono/html';
import type { MirroredPath } from '../paths/mirrored-path';
import { divergencesView } from './divergences-view';
import { filterView } from './filter-view';
import { type Markup, time, VERDICTS } from './markup';
import type { PageAsset, PageAssets } from './page-assets';
import { pathsView } from './paths-view';
import type { View } from './read-view';
import { trendsView } from './trends-view';
import { type DeployedMirror, verdictView } from './verdict-view';
import { hrefOf, type ViewQuery } from './view-query';

export interface PageSettings extends DeployedMirror {
  /** Which project this is about: who looks after several must not mistake one for another. */
  projectId: string;
  assets: PageAssets;
  paths: readonly MirroredPath[];
}

const ICON =
  "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E" +
  "%3Cpath d='M2 3h5v10H2zM9 3h5v10H9z' fill='%233b6fd4'/%3E%3C/svg%3E";

/** The whole page. Its parts are marked, so that the script can renew them one by one. */
export function page(
  view: View,
  query: ViewQuery,
  nonce: string,
  { projectId, assets, paths, ...mirror }: PageSettings,
): Markup {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${titleOf(view)} · quest-mirror</title>
        <link rel="icon" href="${ICON}" />
        ${assets.styles.map((one) => html`<link rel="stylesheet" nonce="${nonce}" href="${hrefOfAsset(one)}" />`)}
        ${assets.scripts.map((one) => html`<script nonce="${nonce}" src="${hrefOfAsset(one)}" defer></script>`)}
      </head>
      <body>
        <a class="skip" href="#divergences">To the divergences</a>
        <header class="top">
          <p class="name"><strong>quest-mirror</strong> <span>${projectId}${mirror.instance === null ? '' : `, ${mirror.instance}`}</span></p>
          <div class="refresh">
            ${asOf(view)}
            <label class="live" hidden
              ><input type="checkbox" id="live" checked /> Refresh every 30 s</label
            >
            <a id="reload" data-go href="${hrefOf(query)}">Refresh</a>
          </div>
        </header>
        <p id="trouble" role="status"></p>
        <main>
          ${verdictView(view.verdict, mirror)} ${pathsView(view.verdict, query)}
          ${trendsView(view.trends, query)}
          <section aria-labelledby="divergences">
            <h2 id="divergences" tabindex="-1">Divergences</h2>
            ${filterView(query, namesOf(view, paths))}
            ${divergencesView(view.divergences, view.story, query, paths)}
          </section>
        </main>
        <footer>
          <p>
            Read only: this page changes nothing. What each part means: docs/dashboard.md. The same
            in a terminal: <code>npm run mirror -- report</code>.
          </p>
        </footer>
      </body>
    </html>`;
}

function titleOf({ verdict }: View): string {
  return verdict.ok ? VERDICTS[verdict.value.gate.verdict].word : VERDICTS.cannot_tell.word;
}

/** Those that the database knows, and those that this code declares. */
function namesOf({ verdict }: View, paths: readonly MirroredPath[]): string[] {
  const judged = verdict.ok ? verdict.value.gate.paths.map(({ path }) => path) : [];
  return [...new Set([...judged, ...paths.map(({ name }) => name)])];
}

function asOf({ verdict, trends }: View): Markup {
  const at = verdict.ok
    ? (verdict.value.gate.paths[0]?.at ?? null)
    : trends.ok
      ? trends.value.window.toAt
      : null;
  return html`<p data-part="as-of">
    ${at === null ? 'Postgres did not answer' : html`As of ${time(at)} UTC`}
  </p>`;
}

function hrefOfAsset({ name }: PageAsset): string {
  return `?asset=${name}`;
}
