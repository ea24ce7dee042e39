import { readCondition } from './read-condition';
import {
  decidingName,
  parameterOf,
  readText,
  type ServerTemplate,
  type TemplateParameter,
} from './server-template';

/**
 * In Remote Config alone: the names of paths that are not mirrored for now, joined by commas. An instance
 * of a kit may have one of its own, `MIRROR_PATHS_OFF_STAGING`.
 */
export const PATHS_OFF = 'MIRROR_PATHS_OFF';

/** Which paths are off, until the next look. */
export interface PathsRule {
  off: ReadonlySet<string>;
  /** Of Remote Config's template; 0 = there is none. */
  version: number;
}

export const ALL_PATHS_ON: PathsRule = { off: new Set(), version: 0 };

/** Longer ones are cut in a complaint. */
const MAX_SHOWN = 60;

/**
 * What a template says of paths that are off. A path is off for everybody or for nobody: a condition that
 * doesn't hold for all or none can't be decided, so it holds for nobody, with a complaint. Pure.
 *
 * @param declared the names of all paths
 * @param instance of a kit; null = the functions are no kit's
 */
export function pathsOfTemplate(
  template: ServerTemplate,
  declared: readonly string[],
  instance: string | null = null,
): { paths: PathsRule; complaints: string[] } {
  const { version } = template;
  const { name: deciding, isMisspelt } = decidingName(template, PATHS_OFF, instance);
  const misspelt = isMisspelt ? [`${PATHS_OFF}: its name is in another letter case`] : [];
  const parameter = parameterOf(template, deciding);
  if (parameter === null) {
    return { paths: { off: new Set(), version }, complaints: misspelt };
  }
  const { value, complaints } = decidedValue(parameter);
  const read = value === undefined || value === null ? 'in_app_default' : readText(value);
  const names: string[] = [];
  if (read !== 'in_app_default') {
    if ('complaint' in read) complaints.push(read.complaint);
    else if (read.text === null) complaints.push("a value that isn't text");
    else names.push(...namesIn(read.text));
  }
  const unknown = names.filter((name) => !declared.includes(name));
  if (unknown.length > 0) {
    complaints.push(`no path is called ${unknown.map(shown).join(', ')}`);
  }
  return {
    paths: { off: new Set(names.filter((name) => declared.includes(name))), version },
    complaints: [
      ...misspelt,
      ...[...parameter.complaints, ...complaints].map((each) => `${deciding}: ${each}`),
    ],
  };
}

function decidedValue({ choices, defaultValue }: TemplateParameter): {
  value: unknown;
  complaints: string[];
} {
  const complaints = new Set<string>();
  for (const { condition, value } of choices) {
    const { reach, isKnown } = readCondition(condition);
    if (!isKnown) {
      complaints.add("a condition that can't be evaluated here, so it holds for nobody");
    }
    if (reach === 'some') {
      complaints.add('a condition by percentage: a path is off for all or for none');
    }
    if (reach === 'all') return { value, complaints: [...complaints] };
  }
  return { value: defaultValue, complaints: [...complaints] };
}

function namesIn(text: string): string[] {
  return [...new Set(text.split(',').map((name) => name.trim()))].filter((name) => name !== '');
}

function shown(name: string): string {
  return JSON.stringify(name.length > MAX_SHOWN ? `${name.slice(0, MAX_SHOWN)}…` : name);
}
