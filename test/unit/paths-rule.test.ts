import { ruleOfTemplate } from '../../functions/src/flag/flag-rule';
import { PATHS_OFF, pathsOfTemplate } from '../../functions/src/flag/paths-rule';
import { parseServerTemplate } from '../../functions/src/flag/server-template';
import { percent } from '../support/flag-template';

/** What Remote Config says of single paths: never silently "none is off". */

const DECLARED = ['quest_completions', 'lp_awards', 'steps'];
const EVERYBODY = { true: {} };
const NOBODY = { false: {} };

const readTemplate = (template: object) => {
  const parsed = parseServerTemplate({ version: { versionNumber: '9' }, ...template });
  const { paths, complaints } = pathsOfTemplate(parsed, DECLARED);
  return { off: [...paths.off], version: paths.version, complaints };
};
const read = (parameter: object, conditions: object[] = []) =>
  readTemplate({ conditions, parameters: { [PATHS_OFF]: parameter } });
const value = (text: string) => ({ defaultValue: { value: text } });

test.each([
  ['one', 'lp_awards', ['lp_awards']],
  ['several, with blanks and a comma at the end', ' lp_awards , steps,', ['lp_awards', 'steps']],
  ['one twice', 'steps,steps', ['steps']],
  ['none', '', []],
  ['nothing but commas', ' , ,', []],
])('names: %s', (_case, text, off) => {
  expect(read(value(text))).toEqual({ off, version: 9, complaints: [] });
});

test.each([
  ['no such parameter', {}],
  ['no default', { parameters: { [PATHS_OFF]: {} } }],
  [
    'the in-app default',
    { parameters: { [PATHS_OFF]: { defaultValue: { useInAppDefault: true } } } },
  ],
])('%s: none is off, and nothing is wrong', (_case, template) => {
  expect(readTemplate(template)).toEqual({ off: [], version: 9, complaints: [] });
});

test('a parameter group only sorts', () => {
  const parameters = { [PATHS_OFF]: value('steps') };
  expect(readTemplate({ parameterGroups: { Mirror: { parameters } } })).toMatchObject({
    off: ['steps'],
    complaints: [],
  });
});

test.each([
  ['for all', EVERYBODY, ['steps']],
  ['for none', NOBODY, ['lp_awards']],
])('a condition that holds %s decides', (_case, condition, off) => {
  const parameter = { ...value('lp_awards'), conditionalValues: { c: { value: 'steps' } } };
  expect(read(parameter, [{ name: 'c', condition }])).toMatchObject({ off, complaints: [] });
});

test.each<[string, object, object[], string[], string]>([
  [
    'a name of no path',
    value('lp_awards,lpAwards'),
    [],
    ['lp_awards'],
    'no path is called "lpAwards"',
  ],
  ['a rollout', { defaultValue: { rolloutValue: { value: 'steps' } } }, [], [], 'a rollout'],
  [
    'a personalization',
    { defaultValue: { personalizationValue: { personalizationId: 'p' } } },
    [],
    [],
    'a personalization',
  ],
  ['no text', { defaultValue: { value: 5 } }, [], [], "isn't text"],
  [
    'a percentage',
    { ...value('lp_awards'), conditionalValues: { c: { value: 'steps' } } },
    [{ name: 'c', condition: percent(50) }],
    ['lp_awards'],
    'by percentage',
  ],
  [
    'a custom signal',
    { ...value('lp_awards'), conditionalValues: { c: { value: 'steps' } } },
    [{ name: 'c', condition: { customSignal: {} } }],
    ['lp_awards'],
    "can't be evaluated here",
  ],
  [
    'a value for a condition that is not there',
    { ...value('lp_awards'), conditionalValues: { c: { value: 'steps' } } },
    [],
    ['lp_awards'],
    'a condition that is not there',
  ],
])('%s is complained of', (_case, parameter, conditions, off, complaint) => {
  expect(read(parameter, conditions)).toEqual({
    ...{ off, version: 9 },
    complaints: [expect.stringMatching(`^${PATHS_OFF}: .*${complaint}`)],
  });
});

test('a name in another letter case, and one that is there twice, are complained of', () => {
  expect(readTemplate({ parameters: { mirror_paths_off: value('steps') } })).toMatchObject({
    off: [],
    complaints: [expect.stringContaining('another letter case')],
  });
  expect(
    readTemplate({
      parameters: { [PATHS_OFF]: value('steps') },
      parameterGroups: { g: { parameters: { [PATHS_OFF]: value('lp_awards') } } },
    }),
  ).toMatchObject({ off: ['steps'], complaints: [expect.stringContaining('more than once')] });
});

test('an instance of a kit has its own parameter over that of all', () => {
  const parameters = { [PATHS_OFF]: value('steps'), [`${PATHS_OFF}_STAGING`]: value('lp_awards') };
  const offFor = (instance: string | null) => {
    const { paths } = pathsOfTemplate(parseServerTemplate({ parameters }), DECLARED, instance);
    return [...paths.off];
  };
  expect(['staging', 'live', null].map(offFor)).toEqual([['lp_awards'], ['steps'], ['steps']]);
});

test('a long name is cut', () => {
  expect(read(value('x'.repeat(1_000))).complaints[0]?.length).toBeLessThan(120);
});

test('the flag itself is read as before', () => {
  const template = parseServerTemplate({ parameters: { [PATHS_OFF]: value('steps') } });
  expect(ruleOfTemplate(template, true, () => () => -1)).toMatchObject({ mode: 'on' });
});
