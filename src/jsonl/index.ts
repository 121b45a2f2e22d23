// By name: `export *` compiles to a look-up at every call, which tells in loops over bytes.
export { isBlankLine, isJsonSpace, lastNonSpace, skipSpace, skipString } from './json-scan';
export { LineSplitter, splitLines, type Line } from './line-splitter';
export { skipTokens, tokens } from './tokens';
export { endOfPlainText, usualResult, type UsualResult } from './usual-result';
