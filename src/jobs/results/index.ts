export { FIELD_NAMES, fieldsOf, type Field } from './fields';
export { apiLines, csv, type CsvOptions, fieldLines, joinedLines, type ResultsFormat, text, type TextOptions } from './formats';
export { ResultRecord } from './result-record';
export { selectRecords, type RecordsQuery } from './select-records';
export { StoredResults, type StoredResultsOptions } from './stored-results';
