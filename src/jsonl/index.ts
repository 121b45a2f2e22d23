export * from './line-splitter';
