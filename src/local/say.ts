/** Tells a person, line by line, what is being done and how long it may take. Goes to stderr. */
export type Say = (line: string) => void;
