import { prepareEvaluation } from '../../functions/src/deploy/prepare-evaluation';
import { FLAG, type FlagRule, ruleOfTemplate } from '../../functions/src/flag/flag-rule';
import { parseServerTemplate } from '../../functions/src/flag/server-template';
import { percent } from '../support/flag-template';

/** A flag that is set and can't be read is never taken, without a word, for one that is not set. */

async function ruleOf(json: string, parameter: boolean): Promise<FlagRule> {
  // As text: a literal's __proto__ would be something else than that of JSON.
  const template = parseServerTemplate(JSON.parse(json));
  return ruleOfTemplate(template, parameter, await prepareEvaluation());
}

const OFF = { defaultValue: { value: 'false' } };
const flag = (parameter: object, conditions: object[] = []) =>
  JSON.stringify({ conditions, parameters: { [FLAG]: parameter } });

describe('parameter groups only sort', () => {
  test.each([
    ['alone', { parameterGroups: { Backend: { parameters: { [FLAG]: OFF } } } }],
    [
      'beside an empty group, and one that is described only',
      {
        parameterGroups: {
          a: {},
          b: { description: 'x' },
          c: { parameters: { OTHER: OFF, [FLAG]: OFF } },
        },
        parameters: { OTHER: { defaultValue: { value: 'x' } } },
      },
    ],
    [
      'by a condition',
      {
        conditions: [{ name: 'everybody', condition: { true: {} } }],
        parameterGroups: {
          g: {
            parameters: {
              [FLAG]: {
                defaultValue: { value: 'true' },
                conditionalValues: { everybody: { value: 'false' } },
              },
            },
          },
        },
      },
    ],
    [
      'in a group with the name of an ancestor',
      { parameterGroups: { constructor: { parameters: { [FLAG]: OFF } } } },
    ],
  ])('the flag is off there: %s', async (_case, template) => {
    const rule = await ruleOf(JSON.stringify(template), true);
    expect(rule).toMatchObject({ mode: 'off', source: 'remote_config', complaint: null });
  });

  test.each([
    [
      'a group and outside',
      {
        parameters: { [FLAG]: OFF },
        parameterGroups: { g: { parameters: { [FLAG]: { defaultValue: { value: 'true' } } } } },
      },
    ],
    [
      'two groups',
      {
        parameterGroups: { a: { parameters: { [FLAG]: OFF } }, b: { parameters: { [FLAG]: OFF } } },
      },
    ],
  ])('in %s it is complained of, and the first counts', async (_case, template) => {
    const rule = await ruleOf(JSON.stringify(template), true);
    expect(rule).toMatchObject({
      mode: 'off',
      complaint: expect.stringContaining('more than once'),
    });
  });
});

const A_PERSON_CAN_MEND_IT: [string, string, string][] = [
  [
    'a rollout',
    flag({ defaultValue: { rolloutValue: { rolloutId: 'r', value: 'false', percent: 5 } } }),
    'a rollout',
  ],
  [
    'a personalization',
    flag({ defaultValue: { personalizationValue: { personalizationId: 'p' } } }),
    'a personalization',
  ],
  [
    'an experiment',
    flag({ defaultValue: { experimentValue: { experimentId: 'e' } } }),
    'an experiment',
  ],
  [
    'a rollout by a condition',
    flag({ conditionalValues: { c: { rolloutValue: {} } } }, [
      { name: 'c', condition: { true: {} } },
    ]),
    'a rollout',
  ],
  ['0', flag({ defaultValue: { value: '0' } }), 'neither true nor false'],
  ['off', flag({ defaultValue: { value: 'off' } }), 'neither true nor false'],
  ['an empty text', flag({ defaultValue: { value: '' } }), 'neither true nor false'],
  [
    'JSON',
    flag({ defaultValue: { value: '{"on":false}' }, valueType: 'JSON' }),
    'neither true nor false',
  ],
  ['a number', flag({ defaultValue: { value: 0 }, valueType: 'NUMBER' }), 'neither true nor false'],
  ["a value that isn't text", flag({ defaultValue: { value: false } }), 'neither true nor false'],
  ['an empty value', flag({ defaultValue: {} }), 'neither true nor false'],
  [
    'an in-app default that is none',
    flag({ defaultValue: { useInAppDefault: false } }),
    'neither true nor false',
  ],
  [
    'small letters',
    JSON.stringify({ parameters: { [FLAG.toLowerCase()]: OFF } }),
    'another letter case',
  ],
  [
    'small letters, in a group',
    JSON.stringify({ parameterGroups: { g: { parameters: { enable_Supabase_dual_write: OFF } } } }),
    'another letter case',
  ],
  [
    'a custom signal',
    flag({ conditionalValues: { c: { value: 'false' } } }, [
      { name: 'c', condition: { customSignal: { customSignalKey: 'x' } } },
    ]),
    "a condition that can't be evaluated here",
  ],
  [
    'a condition of a kind to come',
    flag({ conditionalValues: { c: { value: 'false' } } }, [
      { name: 'c', condition: { phaseOfTheMoon: {} } },
    ]),
    "a condition that can't be evaluated here",
  ],
  [
    'a condition that is not there',
    flag({ conditionalValues: { gone: { value: 'false' } } }),
    'a condition that is not there',
  ],
];

test.each(A_PERSON_CAN_MEND_IT)(
  '%s: the parameter of the deployment, with a complaint',
  async (_case, json, complaint) => {
    for (const parameter of [true, false]) {
      const rule = await ruleOf(json, parameter);
      expect(rule).toMatchObject({
        mode: parameter ? 'on' : 'off',
        complaint: expect.stringContaining(complaint),
      });
    }
  },
);

test.each([
  ['its conditions and groups', { conditions: null, parameterGroups: null }],
  ['a group', { parameterGroups: { a: null } }],
  ['parameters of a group', { parameterGroups: { a: { parameters: null } } }],
])('null for %s hides no flag', async (_case, rest) => {
  const off = { ...OFF, conditionalValues: null };
  const rule = await ruleOf(JSON.stringify({ ...rest, parameters: { [FLAG]: off } }), true);
  expect(rule).toMatchObject({ mode: 'off', source: 'remote_config', complaint: null });
});

test('two conditions of one name are complained of', async () => {
  const conditions = [
    { name: 'c', condition: { false: {} } },
    { name: 'c', condition: { true: {} } },
  ];
  const parameter = {
    defaultValue: { value: 'true' },
    conditionalValues: { c: { value: 'false' } },
  };
  const rule = await ruleOf(flag(parameter, conditions), true);
  expect(rule.complaint).toContain('two conditions have one name');
});

test('two complaints are both told', async () => {
  const parameter = {
    defaultValue: { value: 'off' },
    conditionalValues: { c: { rolloutValue: {} } },
  };
  const conditions = [{ name: 'c', condition: percent(50) }];
  const rule = await ruleOf(flag(parameter, conditions), true);
  expect(rule.complaint).toMatch(/a rollout.*; a value that is neither/);
});

describe('names that every JavaScript object has', () => {
  const names = ['constructor', '__proto__', 'toString', 'hasOwnProperty', 'valueOf'];

  test.each(names)(
    'a condition %s of another parameter does not concern the flag',
    async (name) => {
      const json = `{"conditions":[{"name":"${name}","condition":{"true":{}}}],
      "parameters":{"${FLAG}":{"defaultValue":{"value":"false"}}}}`;
      expect(await ruleOf(json, true)).toMatchObject({ mode: 'off', complaint: null });
    },
  );

  test.each(names)('a condition %s of the flag counts', async (name) => {
    const json = `{"conditions":[{"name":"${name}","condition":{"true":{}}}],"parameters":{"${FLAG}":
      {"defaultValue":{"value":"true"},"conditionalValues":{"${name}":{"value":"false"}}}}}`;
    expect(await ruleOf(json, true)).toMatchObject({ mode: 'off', complaint: null });
  });

  test.each(names)('a condition %s by percentage parts the couples', async (name) => {
    const condition = JSON.stringify(percent(50));
    const json = `{"conditions":[{"name":"${name}","condition":${condition}}],"parameters":{"${FLAG}":
      {"defaultValue":{"value":"true"},"conditionalValues":{"${name}":{"value":"false"}}}}}`;
    const rule = await ruleOf(json, true);
    const couples = Array.from({ length: 200 }, (_, n) => rule.isEnabled(`ann${n}_zed${n}`));
    expect(new Set(couples)).toEqual(new Set([true, false]));
  });

  test.each(names)('a parameter or a group %s is somebody else’s', async (name) => {
    const json = `{"parameters":{"${name}":{"defaultValue":{"value":"x"}}},
      "parameterGroups":{"${name}":{"parameters":{"${name}":{}}}}}`;
    expect(await ruleOf(json, true)).toMatchObject({ source: 'parameter', complaint: null });
  });
});

test('a condition that is null does not fail the events that a percentage decides about', async () => {
  const conditions = [
    { name: 'broken', condition: null },
    { name: 'half', condition: { orCondition: { conditions: [null, percent(50)] } } },
  ];
  const values = { broken: { value: 'false' }, half: { value: 'true' } };
  const rule = await ruleOf(
    flag({ defaultValue: { value: 'false' }, conditionalValues: values }, conditions),
    true,
  );
  expect(rule).toMatchObject({
    mode: 'percent',
    complaint: expect.stringContaining('a condition'),
  });
  const couples = Array.from({ length: 200 }, (_, n) => rule.isEnabled(`ann${n}_zed${n}`));
  expect(new Set(couples)).toEqual(new Set([true, false]));
});
