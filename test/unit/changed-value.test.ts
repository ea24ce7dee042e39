import fc from 'fast-check';
import { canonicalValue, changedValue, isSameValue } from '../../functions/src/values/rtdb-value';
import { hostileKey, RtdbModel } from '../support/rtdb-model';

const json = (text: string): unknown => JSON.parse(text);

test.each([
  ['null', 'true', 'true'],
  ['{"a":1}', '{"note":"hi"}', '{"a":1,"note":"hi"}'],
  ['{"a":1}', 'null', 'null'],
  ['{"a":1}', '{"a":null}', 'null'],
  ['{"a":1,"k":{"z":1}}', '{"a":null,"b":2,"k":{"z":null}}', '{"b":2}'],
  ['null', '[1,2]', '[1,2]'],
  ['{"completedAt":1}', '{"hasOwnProperty":true}', '{"completedAt":1,"hasOwnProperty":true}'],
  ['{"a":1}', '{"__proto__":{"b":2}}', '{"a":1,"__proto__":{"b":2}}'],
  ['{"__proto__":{"b":2}}', '{"__proto__":{"b":null},"c":3}', '{"c":3}'],
  ['{"a":{"constructor":1}}', '{"a":{"toString":2}}', '{"a":{"constructor":1,"toString":2}}'],
  ['{"valueOf":1,"a":1}', '{"a":2}', '{"valueOf":1,"a":2}'],
  ['{"length":7,"0":1}', '[2]', '{"length":7,"0":2}'],
  ['[1,2]', '{"length":5}', '{"0":1,"1":2,"length":5}'],
  ['[1,2,3]', '{"1":null}', '[1,null,3]'],
  ['{"a":{"b":1}}', '{"a":5}', '{"a":5}'],
  ['{"a":5}', '{"a":{"b":1}}', '{"a":{"b":1}}'],
  ['{"a":1}', '{}', '{"a":1}'],
])('%s, changed by %s, is %s', (data, delta, after) => {
  const value = canonicalValue(changedValue(json(data), json(delta)));
  expect(JSON.stringify(value)).toBe(JSON.stringify(canonicalValue(json(after))));
});

test('any writes to keys of any name end in what RTDB holds', () => {
  const path = fc.array(hostileKey, { maxLength: 4 });
  const scalar = fc.constantFrom<unknown>(1, 'text', true, false);
  const node = fc.array(fc.tuple(hostileKey, scalar), { maxLength: 4 });
  const write = fc.record({ path, value: fc.oneof(scalar, node, fc.constant(null)) });
  fc.assert(
    fc.property(fc.array(write, { minLength: 1, maxLength: 12 }), (writes) => {
      const rtdb = new RtdbModel();
      for (const { path, value } of writes) {
        const before = rtdb.export();
        const delta = rtdb.set(path, value);
        const after = changedValue(json(before), json(delta));
        expect(isSameValue(canonicalValue(after), canonicalValue(json(rtdb.export())))).toBe(true);
      }
    }),
    { numRuns: 500 },
  );
});
