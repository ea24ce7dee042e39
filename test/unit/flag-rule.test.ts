import { prepareEvaluation } from '../../functions/src/deploy/prepare-evaluation';
import { FLAG, type FlagRule, ruleOfTemplate } from '../../functions/src/flag/flag-rule';
import { parseServerTemplate } from '../../functions/src/flag/server-template';
import {
  CANARY_COUPLE,
  CANARY_DAY,
} from '../../functions/src/paths/quest-completions/canary-couple';
import { flagTemplate, percent } from '../support/flag-template';

async function ruleOf(template: unknown, parameter = true): Promise<FlagRule> {
  return ruleOfTemplate(parseServerTemplate(template), parameter, await prepareEvaluation());
}

const couples = Array.from({ length: 2_000 }, (_, n) => `ann${n}_zed${n}`);
const shareOf = (rule: FlagRule) => couples.filter(rule.isEnabled).length / couples.length;

test.each([
  ['true', 'on'],
  ['false', 'off'],
  ['TRUE', 'on'],
])('the value %s is %s for everybody', async (value, mode) => {
  const rule = await ruleOf(flagTemplate({ value }), value === 'false');
  expect(rule).toMatchObject({ mode, source: 'remote_config', version: 7, complaint: null });
  expect(rule.isEnabled('ann_zed')).toBe(mode === 'on');
  expect(rule.isEnabled(null)).toBe(mode === 'on');
});

test.each([true, false])(
  'a template without the parameter leaves it to %s of the deployment',
  async (parameter) => {
    const template = { parameters: { OTHER: { defaultValue: { value: 'x' } } } };
    const rule = await ruleOf(template, parameter);
    const mode = parameter ? 'on' : 'off';
    expect(rule).toMatchObject({ mode, source: 'parameter', complaint: null });
    expect(rule.isEnabled('ann_zed')).toBe(parameter);
  },
);

describe('an instance of a kit', () => {
  const text = (value: string) => ({ defaultValue: { value } });
  const ofInstance = async (instance: string | null, parameters: object) =>
    ruleOfTemplate(parseServerTemplate({ parameters }), false, await prepareEvaluation(), instance);

  test.each<[string, string | null, object, string]>([
    [
      'its own over that of all',
      'staging',
      { [`${FLAG}_STAGING`]: text('true'), [FLAG]: text('false') },
      'on',
    ],
    [
      'its own, off',
      'staging',
      { [`${FLAG}_STAGING`]: text('false'), [FLAG]: text('true') },
      'off',
    ],
    [
      'that of all where it has none',
      'staging',
      { [`${FLAG}_LIVE`]: text('false'), [FLAG]: text('true') },
      'on',
    ],
    ['a name with - and _', 'my-app_2', { [`${FLAG}_MY_APP_2`]: text('true') }, 'on'],
    ['none but that of another', 'staging', { [`${FLAG}_LIVE`]: text('true') }, 'off'],
    [
      'no kit, whatever instances there are',
      null,
      { [`${FLAG}_LIVE`]: text('true'), [FLAG]: text('false') },
      'off',
    ],
  ])('%s', async (_case, instance, parameters, mode) => {
    expect(await ofInstance(instance, parameters)).toMatchObject({ mode, complaint: null });
  });

  test('its own name in another letter case is complained of, whatever decides', async () => {
    const misspelt = { [`${FLAG}_staging`]: text('false'), [FLAG]: text('true') };
    expect(await ofInstance('staging', misspelt)).toMatchObject({
      mode: 'on',
      complaint: expect.stringContaining('another letter case'),
    });
  });
});

test.each([true, false])(
  '"use in-app default" leaves it to %s of the deployment',
  async (parameter) => {
    const template = { parameters: { [FLAG]: { defaultValue: { useInAppDefault: true } } } };
    const rule = await ruleOf(template, parameter);
    expect(rule.isEnabled('ann_zed')).toBe(parameter);
    expect(rule.complaint).toBeNull();
  },
);

test.each([true, false])(
  'what is no boolean is complained of, and %s of the deployment holds',
  async (parameter) => {
    const rule = await ruleOf(flagTemplate({ value: 'perhaps' }), parameter);
    expect(rule.isEnabled('ann_zed')).toBe(parameter);
    expect(rule.complaint).toMatch(/neither true nor false/);
  },
);

test.each([10, 50, 99])('%d%% of the couples are in, and stay in', async (share) => {
  const conditions = [{ name: 'some', condition: percent(share), value: 'true' }];
  const rule = await ruleOf(flagTemplate({ value: 'false', conditions }));
  expect(rule).toMatchObject({
    mode: 'percent',
    detail: {
      conditions: [{ name: 'some', condition: percent(share), enabled: true }],
      otherwise: false,
    },
  });
  expect(Math.abs(shareOf(rule) - share / 100)).toBeLessThan(0.04);
  const again = await ruleOf(flagTemplate({ value: 'false', conditions }));
  expect(couples.map(again.isEnabled)).toEqual(couples.map(rule.isEnabled));
});

test('who is in at a low percentage is in at a higher one', async () => {
  const at = async (share: number) => {
    const conditions = [{ name: 'some', condition: percent(share), value: 'true' }];
    return ruleOf(flagTemplate({ value: 'false', conditions }));
  };
  const [few, many] = [await at(10), await at(50)];
  expect(couples.filter((couple) => few.isEnabled(couple) && !many.isEnabled(couple))).toEqual([]);
});

test.each([
  ['100%', percent(100), 'on'],
  ['0%', percent(0), 'off'],
  ['everybody', { true: {} }, 'on'],
  ['nobody', { false: {} }, 'off'],
  ['a custom signal, which the mirror never gives', customSignal(), 'off'],
  [
    '10% and a custom signal',
    { andCondition: { conditions: [percent(10), customSignal()] } },
    'off',
  ],
  ['10% or everybody', { orCondition: { conditions: [percent(10), { true: {} }] } }, 'on'],
  ['what is unknown', { phaseOfTheMoon: {} }, 'off'],
])('a condition of %s is the same for all couples', async (_, condition, mode) => {
  const conditions = [{ name: 'c', condition, value: 'true' }];
  const rule = await ruleOf(flagTemplate({ value: 'false', conditions }));
  expect(rule.mode).toBe(mode);
  expect(shareOf(rule)).toBe(mode === 'on' ? 1 : 0);
});

function customSignal() {
  return {
    customSignal: {
      customSignalOperator: 'STRING_EXACTLY_MATCHES',
      customSignalKey: 'tier',
      targetCustomSignalValues: ['gold'],
    },
  };
}

test('a percentage that concerns another parameter does not concern the flag', async () => {
  const template = flagTemplate({ value: 'true' });
  const conditions = [{ name: 'other', condition: percent(10) }];
  expect((await ruleOf({ ...template, conditions })).mode).toBe('on');
});

test('a condition of higher priority that holds for all hides the percentage', async () => {
  const conditions = [
    { name: 'stop', condition: { true: {} }, value: 'false' },
    { name: 'some', condition: percent(50), value: 'true' },
  ];
  expect((await ruleOf(flagTemplate({ value: 'true', conditions }))).mode).toBe('off');
});

test('no percentage holds for a path that names no couple, and any holds for the canary', async () => {
  const conditions = [{ name: 'some', condition: percent(1), value: 'true' }];
  const rule = await ruleOf(flagTemplate({ value: 'false', conditions }));
  expect(rule.isEnabled(null)).toBe(false);
  expect(rule.isEnabled(CANARY_COUPLE)).toBe(true);
  expect(rule.isEnabled(CANARY_DAY)).toBe(true);
});

test.each([[null], [[]], [{ parameters: 5 }], [{ conditions: [{ name: 1 }] }]])(
  '%j is no template',
  (json) => {
    expect(() => parseServerTemplate(json)).toThrow();
  },
);
