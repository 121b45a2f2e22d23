/** A text of at most so many characters, with `…` behind it where it was cut. */
export function shortened(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most)}…` : text;
}
