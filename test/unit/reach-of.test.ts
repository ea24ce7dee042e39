import { FLAG, ruleOfTemplate } from '../../functions/src/flag/flag-rule';
import { prepareEvaluation } from '../../functions/src/flag/prepare-evaluation';
import { type Reach, reachOf } from '../../functions/src/flag/reach-of';
import { type Condition, parseServerTemplate } from '../../functions/src/flag/server-template';

const share = (percentOperator: string, microPercent: number): Condition => ({
  percent: { percentOperator, seed: 's', microPercent },
});
const between = (microPercentLowerBound: number, microPercentUpperBound: number): Condition => ({
  percent: {
    percentOperator: 'BETWEEN',
    seed: 's',
    microPercentRange: { microPercentLowerBound, microPercentUpperBound },
  },
});
const any = (...conditions: Condition[]): Condition => ({ orCondition: { conditions } });
const every = (...conditions: Condition[]): Condition => ({ andCondition: { conditions } });
const ALL: Condition = { true: {} };
const NONE: Condition = { false: {} };
const SOME = share('LESS_OR_EQUAL', 50_000_000);

const ALL_OF_THEM = { percentOperator: 'LESS_OR_EQUAL', microPercent: 100_000_000 };

const CONDITIONS: [string, Condition, Reach][] = [
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
  expect(reachOf(condition)).toBe(reach);
});

test.each([[null], ['true'], [5], [[{ true: {} }]], [{ percent: 5 }], [{ percent: 'x' }]])(
  '%j holds for nobody',
  (condition) => {
    expect(reachOf(condition)).toBe('none');
  },
);

test.each(CONDITIONS)('firebase-admin agrees: %s', async (_case, condition, reach) => {
  const template = parseServerTemplate({
    conditions: [{ name: 'c', condition }],
    parameters: {
      [FLAG]: {
        defaultValue: { value: 'false' },
        conditionalValues: { c: { value: 'true' } },
      },
    },
  });
  const evaluate = (await prepareEvaluation())(template);
  const couples = Array.from({ length: 300 }, (_, n) => `ann${n}_zed${n}`);
  const values = new Set(couples.map((couple) => evaluate(couple)));
  expect([...values].sort()).toEqual(
    { all: ['true'], none: ['false'], some: ['false', 'true'] }[reach],
  );
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
    ['no value in it', {}],
    ['the in-app default', { useInAppDefault: true }],
    ['a value of another type', { value: true }],
  ])('%s: the parameter of the deployment decides, without a complaint', async (_case, value) => {
    for (const enabled of [true, false]) {
      const rule = await ruleOf({ defaultValue: value }, [], enabled);
      expect(rule).toMatchObject({ mode: enabled ? 'on' : 'off', complaint: null, version: 0 });
    }
  });

  test.each([null, 'true', 5])('the default %j is none', async (defaultValue) => {
    const part = parseServerTemplate({ parameters: { [FLAG]: { defaultValue } } });
    expect(ruleOfTemplate(part, true, () => () => null)).toMatchObject({ mode: 'on' });
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
