import type {
  LeafReading,
  RowReading,
} from '../../functions/src/completions-only/reconcile/compare-leaf';
import { compareLeaf } from '../../functions/src/completions-only/reconcile/compare-leaf';

const completed = (payload: true | number | { completedAt: number }): LeafReading => ({
  completed: true,
  completedAt: '2026-11-22T10:00:00.000000Z',
  payload,
});
const FALSE: LeafReading = { completed: false, gone: false };
const REFUSED: LeafReading = { completed: null, value: 'rubbish' };
const live = (payload: RowReading['payload']): RowReading => ({ payload, isTombstone: false });
const TOMBSTONE: RowReading = { payload: null, isTombstone: true };

test.each<[string, LeafReading | null, RowReading | null, string]>([
  ['the same on both sides', completed(true), live(true), 'matched'],
  ['nothing on either side', null, null, 'absent'],
  ['a tombstone of a leaf that is gone', null, TOMBSTONE, 'absent'],
  ['a tombstone of a leaf that is false', FALSE, TOMBSTONE, 'absent'],
  ['false without a row', FALSE, null, 'absent'],
  ['a leaf without a row', completed(true), null, 'missing_in_postgres'],
  ['a leaf whose row is a tombstone', completed(5), TOMBSTONE, 'missing_in_postgres'],
  ['a refused value without a row', REFUSED, null, 'missing_in_postgres'],
  ['a refused value over an older row', REFUSED, live(true), 'value_mismatch'],
  ['a refused value that the row shows', REFUSED, live('rubbish'), 'matched'],
  ['a row without a leaf', null, live(true), 'missing_in_rtdb'],
  ['a row over false', FALSE, live(true), 'missing_in_rtdb'],
  ['two values', completed(5), live(6), 'value_mismatch'],
  ['two objects', completed({ completedAt: 5 }), live({ completedAt: 6 }), 'value_mismatch'],
])('%s', (_name, leaf, row, expected) => {
  expect(compareLeaf(leaf, row)).toBe(expected);
});

test('the order of keys, the sign of zero and a prototype make no difference', () => {
  const bare = Object.assign(Object.create(null), { b: [1, null], completedAt: -0 });
  const leaf: LeafReading = { completed: true, completedAt: '', payload: bare };
  expect(compareLeaf(leaf, live({ completedAt: 0, b: [1, null] }))).toBe('matched');
  expect(compareLeaf(leaf, live({ completedAt: 0, b: [1] }))).toBe('value_mismatch');
  expect(compareLeaf(leaf, live({ completedAt: 0, c: [1, null] }))).toBe('value_mismatch');
  expect(compareLeaf(leaf, live([1, null]))).toBe('value_mismatch');
});
