export { doNothing } from './do-nothing';
export { naiveUpsert } from './naive-upsert';
