import { prepareEvaluation } from '../../functions/src/deploy/prepare-evaluation';
import { FLAG, ruleOfTemplate } from '../../functions/src/flag/flag-rule';
import { type Reach, readCondition } from '../../functions/src/flag/read-condition';
import { parseServerTemplate } from '../../functions/src/flag/server-template';
import type { Json } from '../../functions/src/values/json';

const share = (percentOperator: string, microPercent: number): Json => ({
  percent: { percentOperator, seed: 's', microPercent },
});
const between = (microPercentLowerBound: number, microPercentUpperBound: number): Json => ({
  percent: {
    percentOperator: 'BETWEEN',
    seed: 's',
    microPercentRange: { microPercentLowerBound, microPercentUpperBound },
  },
});
const any = (...conditions: Json[]): Json => ({ orCondition: { conditions } });
const every = (...conditions: Json[]): Json => ({ andCondition: { conditions } });
const ALL: Json = { true: {} };
const NONE: Json = { false: {} };
const SOME = share('LESS_OR_EQUAL', 50_000_000);

const ALL_OF_THEM = { percentOperator: 'LESS_OR_EQUAL', microPercent: 100_000_000 };

const CONDITIONS: [string, Json, Reach][] = [
  ['true', ALL, 'all'],
  ['false', NONE, 'none'],
  ['at most 0%', share('LESS_OR_EQUAL', 0), 'none'],
  ['at most half', SOME, 'some'],
  ['at most 100%', share('LESS_OR_EQUAL', 100_000_000), 'all'],
  ['more than 0%', share('GREATER_THAN', 0), 'all'],
  ['more than half', share('GREATER_THAN', 50_000_000), 'some'],
  ['more than 100%', share('GREATER_THAN', 100_000_000), 'none'],
  ['from 0% to 100%', between(0, 100_000_000), 'all'],
  ['from 20% to 60%', between(20_000_000, 60_000_000), 'some'],
  ['from 60% to 60%', between(60_000_000, 60_000_000), 'none'],
  ['from 60% to 20%', between(60_000_000, 20_000_000), 'none'],
  ['from 40% to 100%', between(40_000_000, 100_000_000), 'some'],
  ['an unknown operator', share('ABOUT', 100_000_000), 'none'],
  ['a percentage without an operator', { percent: { microPercent: 100_000_000 } }, 'none'],
  ['no percentage at all', { percent: { percentOperator: 'LESS_OR_EQUAL' } }, 'none'],
  ['no upper bound', { percent: { percentOperator: 'BETWEEN' } }, 'none'],
  ['false before a percentage', { false: {}, percent: ALL_OF_THEM }, 'none'],
  ['any of none and some', any(NONE, SOME), 'some'],
  ['any of some and all', any(SOME, ALL), 'all'],
  ['any of none', any(NONE, NONE), 'none'],
  ['any of nothing', any(), 'none'],
  ['any, without a list', { orCondition: {} }, 'none'],
  ['every one of all and some', every(ALL, SOME), 'some'],
  ['every one of all', every(ALL, ALL), 'all'],
  ['every one of some and none', every(SOME, NONE), 'none'],
  ['every one of nothing', every(), 'all'],
  ['every, without a list', { andCondition: {} }, 'all'],
  ['any before true', { orCondition: { conditions: [NONE] }, true: {} }, 'none'],
  ['what is unknown', { phaseOfTheMoon: {} }, 'none'],
];

test.each(CONDITIONS)('%s', (_case, condition, reach) => {
  expect(readCondition(condition).reach).toBe(reach);
});

const signal = { customSignal: { customSignalOperator: 'STRING_CONTAINS', customSignalKey: 'k' } };
const nested = (levels: number): Json =>
  levels === 0 ? ALL : { andCondition: { conditions: [nested(levels - 1)] } };

test.each<[string, Json, boolean]>([
  ['a percentage', SOME, true],
  ['everybody and nobody', any(ALL, NONE), true],
  ['five conditions in each other', nested(4), true],
  ['six, where firebase-admin gives up', nested(5), false],
  ['ten thousand', nested(5_000), false],
  ['a custom signal', signal, false],
  ['a custom signal among others', every(SOME, any(NONE, signal)), false],
  ['an unknown operator', share('ABOUT', 1), false],
  ['what is unknown', { phaseOfTheMoon: {} }, false],
  ['nothing', {}, false],
  ['null', null, false],
  ['null among others', any(null, SOME), false],
  ['a list that is none', { orCondition: { conditions: 5 } }, false],
  ['a percentage that is a text', { percent: { ...ALL_OF_THEM, microPercent: '5' } }, false],
])('%s: can it be evaluated here? %#', (_case, condition, isKnown) => {
  expect(readCondition(condition).isKnown).toBe(isKnown);
});

test.each(CONDITIONS)('what is left of it reaches as far: %s', (_case, condition, reach) => {
  expect(readCondition(readCondition(condition).condition)).toMatchObject({ reach, isKnown: true });
});

test.each([[null], ['true'], [5], [[{ true: {} }]], [{ percent: 5 }], [{ percent: 'x' }]])(
  '%j holds for nobody',
  (condition) => {
    expect(readCondition(condition)).toMatchObject({ reach: 'none', isKnown: false });
  },
);

test.each(CONDITIONS)('firebase-admin agrees: %s', async (_case, condition, reach) => {
  const findFirst = (await prepareEvaluation())([condition]);
  const couples = Array.from({ length: 300 }, (_, n) => `ann${n}_zed${n}`);
  const found = [...new Set(couples.map((couple) => findFirst(couple)))].sort();
  expect(found).toEqual({ all: [0], none: [-1], some: [-1, 0] }[reach]);
});

test('of several conditions the first that holds is found', async () => {
  const findFirst = (await prepareEvaluation())([NONE, SOME, ALL]);
  const couples = Array.from({ length: 300 }, (_, n) => `ann${n}_zed${n}`);
  expect([...new Set(couples.map((couple) => findFirst(couple)))].sort()).toEqual([1, 2]);
  expect(findFirst(null)).toBe(2);
});

describe('what a template can leave out, or hold wrongly', () => {
  const ruleOf = async (parameter: object, conditions: object[] = [], enabled = true) =>
    ruleOfTemplate(
      parseServerTemplate({ conditions, parameters: { [FLAG]: parameter } }),
      enabled,
      await prepareEvaluation(),
    );
  const SOME_OF_ALL = [{ name: 'c', condition: SOME }];

  test.each<[string, object | undefined]>([
    ['no default', undefined],
    ['the in-app default', { useInAppDefault: true }],
  ])('%s: the parameter of the deployment decides, without a complaint', async (_case, value) => {
    for (const enabled of [true, false]) {
      const rule = await ruleOf({ defaultValue: value }, [], enabled);
      expect(rule).toMatchObject({ mode: enabled ? 'on' : 'off', complaint: null, version: 0 });
    }
  });

  test.each([null, 'true', 5])('the default %j is none', async (defaultValue) => {
    const part = parseServerTemplate({ parameters: { [FLAG]: { defaultValue } } });
    expect(ruleOfTemplate(part, true, () => () => -1)).toMatchObject({ mode: 'on' });
  });

  test('a couple whose condition gives no value has that of the deployment', async () => {
    const parameter = {
      defaultValue: { value: 'false' },
      conditionalValues: { c: { useInAppDefault: true } },
    };
    expect(await ruleOf(parameter, SOME_OF_ALL, false)).toMatchObject({ mode: 'off' });
    const rule = await ruleOf(parameter, SOME_OF_ALL, true);
    expect(rule).toMatchObject({ mode: 'percent', complaint: null });
  });

  test('one wrong value among right ones is complained of, and leaves its couples to the deployment', async () => {
    const parameter = {
      defaultValue: { value: 'false' },
      conditionalValues: { c: { value: 'perhaps' } },
    };
    const rule = await ruleOf(parameter, SOME_OF_ALL, true);
    expect(rule).toMatchObject({
      mode: 'percent',
      complaint: expect.stringMatching(/neither true nor false/),
    });
    const couples = Array.from({ length: 300 }, (_, n) => rule.isEnabled(`ann${n}_zed${n}`));
    expect(new Set(couples)).toEqual(new Set([true, false]));
  });

  test('spaces around a value are no part of it', async () => {
    expect(await ruleOf({ defaultValue: { value: ' false ' } })).toMatchObject({ mode: 'off' });
  });
});

test('the flag has the name that consoles and deployments know', () => {
  expect(FLAG).toBe('ENABLE_SUPABASE_DUAL_WRITE');
});
