export { doNothing, doNothingWithDocuments } from './do-nothing';
export { naiveDocumentUpsert } from './naive-document-upsert';
export { naiveUpsert } from './naive-upsert';
