/** Digits after the point, at most: what is less than a millionth of a cent is nothing. */
const MOST_DIGITS = 8;

/** US dollars as people read them: `$1,234.50`; of small amounts two significant digits, `$0.021`, `$0.00001`. */
export function dollars(amount: number): string {
  const small = Math.abs(amount) > 0 && Math.abs(amount) < 0.1;
  const digits = small ? Math.min(Math.max(1 - Math.floor(Math.log10(Math.abs(amount))), 2), MOST_DIGITS) : 2;
  return amount.toLocaleString('en-US', { style: 'currency', currency: 'USD', minimumFractionDigits: 2, maximumFractionDigits: digits });
}
