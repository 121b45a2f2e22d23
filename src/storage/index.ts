export { isSystemError, StorageError, storageError, type StorageErrorCode } from './storage-error';
export { FILE_MODE, FOLDER_MODE, isTemporaryName, makeFolder, removeDurably, syncFolder, temporaryName, writeNewFile } from './durable-files';
export { FileWriter, openReplacement, type Replacement } from './file-writer';
export { createRecord, readRecord, replaceRecord } from './records';
export { openStorageRoot, type StorageRoot } from './storage-root';
export { linesOf, readChunks, readLines, type ReadLinesOptions, type ReadOptions } from './read-lines';
export { openSegments, type OpenSegmentsOptions, type SegmentLocation, type Segments } from './segments';
export type { SegmentWriter } from './segment-writer';
