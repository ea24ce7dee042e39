/** Lines of an aligned table with a heading. */
export function formatTable(heading: string[], rows: string[][]): string[] {
  const all = [heading, ...rows];
  const widths = heading.map((_, column) => {
    return Math.max(...all.map((row) => cell(row, column).length));
  });
  const line = (row: string[]): string => {
    const cells = widths.map((width, column) => cell(row, column).padEnd(width));
    return cells.join('  ').trimEnd();
  };
  return [line(heading), widths.map((width) => '-'.repeat(width)).join('  '), ...rows.map(line)];
}

/** Push tokens and the couples made of them have up to 200 characters; both ends tell them apart. */
export function shorten(text: string, max = 24): string {
  if (text.length <= max) return text;
  const tail = Math.floor((max - 1) / 3);
  return `${text.slice(0, max - 1 - tail)}…${text.slice(-tail)}`;
}

/** A ref whose long keys are shortened. */
export function shortenRef(ref: string): string {
  return ref
    .split('/')
    .map((key) => shorten(key, 22))
    .join('/');
}

function cell(row: string[], column: number): string {
  return row[column] ?? '';
}
