/** What is read of Stryker's report. Source: its mutation-testing-report-schema. */
export interface MutationReport {
  files: Record<string, { mutants: Mutant[] }>;
}

interface Mutant {
  status: string;
  mutatorName: string;
  replacement?: string;
  location: { start: { line: number; column: number } };
}

export interface Score {
  name: string;
  /** Noticed by a test: it failed, or did not end. */
  noticed: number;
  /** All mutants that could be run. */
  valid: number;
  percent: number;
}

const NOTICED = ['Killed', 'Timeout'];
const UNNOTICED = ['Survived', 'NoCoverage'];

/** One score for each file of a report. */
export function scoresOf({ files }: MutationReport): Score[] {
  return Object.entries(files).map(([name, { mutants }]) => {
    const noticed = mutants.filter(({ status }) => NOTICED.includes(status)).length;
    const unnoticed = mutants.filter(({ status }) => UNNOTICED.includes(status)).length;
    return scoreOf(name, noticed, noticed + unnoticed);
  });
}

export function totalOf(scores: readonly Score[]): Score {
  const noticed = scores.reduce((sum, score) => sum + score.noticed, 0);
  const valid = scores.reduce((sum, score) => sum + score.valid, 0);
  return scoreOf('total', noticed, valid);
}

export function scoreTable(scores: readonly Score[]): string {
  return scores
    .map(({ name, noticed, valid, percent }) => {
      const counts = `${noticed}/${valid}`.padStart(10);
      return `${name.padEnd(50)}${counts}${percent.toFixed(1).padStart(8)}%\n`;
    })
    .join('');
}

/** Each mutant that no test noticed: where, and what stood there instead. */
export function survivorLines({ files }: MutationReport): string {
  return Object.entries(files)
    .flatMap(([name, { mutants }]) => mutants.map((mutant) => ({ name, ...mutant })))
    .filter(({ status }) => UNNOTICED.includes(status))
    .map(({ name, status, mutatorName, replacement = '', location: { start } }) => {
      const text = replacement.replace(/\s+/g, ' ').slice(0, 120);
      return `${name}:${start.line}:${start.column} ${status} ${mutatorName}: ${text}\n`;
    })
    .join('');
}

/** A file of types only has no mutants, and nothing to notice. */
function scoreOf(name: string, noticed: number, valid: number): Score {
  return { name, noticed, valid, percent: valid === 0 ? 100 : (100 * noticed) / valid };
}
