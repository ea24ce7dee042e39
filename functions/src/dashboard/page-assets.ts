import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const FOLDER = join(__dirname, '..', '..', 'assets');

/** A file that the page loads, by a name that changes with its content. */
export interface PageAsset {
  name: string;
  type: string;
  body: string;
}

export interface PageAssets {
  scripts: PageAsset[];
  styles: PageAsset[];
  byName: ReadonlyMap<string, PageAsset>;
}

/** Reads the page's own files, and uPlot's from its package. */
export function readPageAssets(): PageAssets {
  const script = 'text/javascript; charset=utf-8';
  const style = 'text/css; charset=utf-8';
  const scripts = [
    asset('uplot', '.js', script, require.resolve('uplot/dist/uPlot.iife.min.js')),
    asset('charts', '.js', script, join(FOLDER, 'charts.js')),
    asset('refresh', '.js', script, join(FOLDER, 'refresh.js')),
  ];
  const styles = [
    asset('uplot', '.css', style, require.resolve('uplot/dist/uPlot.min.css')),
    asset('dashboard', '.css', style, join(FOLDER, 'dashboard.css')),
  ];
  const byName = new Map([...scripts, ...styles].map((one) => [one.name, one]));
  return { scripts, styles, byName };
}

function asset(name: string, extension: string, type: string, file: string): PageAsset {
  const body = readFileSync(file, 'utf8');
  const hash = createHash('sha256').update(body).digest('hex').slice(0, 16);
  return { name: `${name}-${hash}${extension}`, type, body };
}
