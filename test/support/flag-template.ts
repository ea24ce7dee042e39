import { FLAG } from '../../functions/src/flag/flag-rule';
import type { JsonValue } from './cloud-event';

export interface FlagTemplate {
  value: string;
  /** In the order of their priority. */
  conditions?: { name: string; condition: JsonValue; value: string }[];
  version?: number;
}

/** A server template as Remote Config answers it, with the flag and one parameter of somebody else's. */
export function flagTemplate({ value, conditions = [], version = 7 }: FlagTemplate) {
  const conditionalValues = Object.fromEntries(
    conditions.map((condition) => [condition.name, { value: condition.value }]),
  );
  return {
    conditions: conditions.map(({ name, condition }) => ({ name, condition })),
    parameters: {
      [FLAG]: { defaultValue: { value }, conditionalValues, valueType: 'BOOLEAN' },
      OTHER: { defaultValue: { value: 'x' } },
    },
    version: { versionNumber: String(version), isLegacy: false },
  };
}

/** As the console writes a percentage. */
export function percent(share: number): JsonValue {
  const microPercentRange = { microPercentUpperBound: share * 1_000_000 };
  const condition = { percentOperator: 'BETWEEN', seed: 'rollout', microPercentRange };
  const andCondition = { conditions: [{ percent: condition }] };
  return { orCondition: { conditions: [{ andCondition }] } };
}
