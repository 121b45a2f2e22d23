export * from './json-scan';
export * from './line-splitter';
