import { html } from 'hono/html';
import { CAUSE_NAMES, KIND_NAMES, SEVERITIES } from '../divergences/vocabulary';
import { type Markup, words } from './markup';
import { hrefOf, SORTS, STATES, type ViewQuery } from './view-query';

/** The table's filter: a form like any other, so that it works without a script. */
export function filterView(query: ViewQuery, paths: readonly string[]): Markup {
  const sorts = SORTS.flatMap((name) => [`-${name}`, name]);
  return html`<form method="get" class="filter" data-part="filter" aria-label="Filter divergences">
    ${select('state', 'State', STATES, query.state, null)}
    ${select('path', 'Path', paths, query.path, 'any')}
    ${select('severity', 'Severity', SEVERITIES, query.severity, 'any')}
    ${select('kind', 'Kind', KIND_NAMES, query.kind, 'any')}
    ${select('cause', 'Cause', CAUSE_NAMES, query.cause, 'any')}
    <label class="wide">
      Couple
      <input name="couple" value="${query.couple ?? ''}" autocomplete="off" spellcheck="false" />
    </label>
    <label>
      Day
      <input name="day" type="date" value="${query.day ?? ''}" />
    </label>
    <label>
      Sort
      <select name="sort">
        ${sorts.map((name) => option(name, sortWords(name), query.sort))}
      </select>
    </label>
    ${query.span === '24h' ? '' : html`<input type="hidden" name="span" value="${query.span}" />`}
    <div class="buttons">
      <button type="submit">Filter</button>
      <a data-go id="clear" href="${hrefOf(cleared(query))}">Clear</a>
    </div>
  </form>`;
}

const STATE_WORDS: Readonly<Record<string, string>> = { todo: 'open, to act on' };

function cleared(query: ViewQuery): ViewQuery {
  const nothing = {
    path: null,
    kind: null,
    cause: null,
    severity: null,
    couple: null,
    day: null,
    story: null,
  };
  return { ...query, ...nothing, state: 'todo', page: 1 };
}

function select(
  name: string,
  title: string,
  values: readonly string[],
  chosen: string | null,
  any: string | null,
): Markup {
  return html`<label>
    ${title}
    <select name="${name}">
      ${any === null ? '' : option('', any, chosen ?? '')}
      ${values.map((value) => option(value, STATE_WORDS[value] ?? words(value), chosen))}
    </select>
  </label>`;
}

function option(value: string, title: string, chosen: string | null): Markup {
  return value === chosen
    ? html`<option value="${value}" selected>${title}</option>`
    : html`<option value="${value}">${title}</option>`;
}

function sortWords(name: string): string {
  const order = name.startsWith('-') ? 'greatest first' : 'least first';
  const plain = name.replace(/^-/, '');
  const isTime = plain.endsWith('_seen') && plain !== 'times_seen';
  const timeOrder = name.startsWith('-') ? 'newest first' : 'oldest first';
  return `${words(plain)}, ${isTime ? timeOrder : order}`;
}
