/** The text of a simulated answer: always the same for the same prompt, and open about being simulated. */
import { isObject } from './check-request';

const SHOWN_CHARACTERS = 60;

/** @param messages `params.messages`, already checked. */
export function answerTo(messages: unknown[]): string {
  const prompt = lastUserText(messages);
  const sum = arithmetic(prompt);
  if (sum !== undefined) return `Simulated answer: ${sum}`;
  // Prompts can be long, and nearly all of this one will not be shown.
  const shown = prompt.slice(0, 2 * SHOWN_CHARACTERS).replaceAll(/\s+/g, ' ').trim();
  return `Simulated answer to: ${beginning(shown, SHOWN_CHARACTERS)}${shown.length > SHOWN_CHARACTERS ? '…' : ''}`;
}

/** At most so many characters; a pair of surrogates is not cut in two. */
export function beginning(text: string, length: number): string {
  return text.slice(0, length).replace(/[\uD800-\uDBFF]$/, '');
}

function lastUserText(messages: unknown[]): string {
  const last = messages.findLast((message) => isObject(message) && message.role === 'user');
  const content = isObject(last) ? last.content : '';
  if (typeof content === 'string') return content;
  return (content as unknown[]).map((block) => (isObject(block) && typeof block.text === 'string' ? block.text : '')).join(' ');
}

const NUMBER = String.raw`(-?\d[\d,]{0,24}(?:\.\d{1,12})?)`;
const OPERATOR = String.raw`([+*/×÷−-]|plus|minus|times|multiplied by|divided by)`;
const CALCULATION = `${NUMBER}\\s*${OPERATOR}\\s*${NUMBER}`;
/** "What is 17 * 23?" anywhere in a prompt, or a prompt that is a calculation and nothing else. */
const QUESTION = new RegExp(`(?:what(?:'s| is)|how much is|calculate|compute)\\s+${CALCULATION}(?=\\s*(?:[?.!,;=:]\\s|[?.!,;=:]*$))`, 'i');
const BARE = new RegExp(`^\\s*${CALCULATION}\\s*=?\\s*\\??\\s*$`, 'i');
/** A question is short; longer prompts are not searched. */
const MAX_PROMPT = 500;

/** "17 * 23 = 391" for a prompt that asks for it, undefined for every other prompt. */
function arithmetic(prompt: string): string | undefined {
  if (prompt.length > MAX_PROMPT) return undefined;
  const match = QUESTION.exec(prompt) ?? BARE.exec(prompt);
  if (!match) return undefined;
  const [left, operator, right] = [match[1]!.replaceAll(',', ''), match[2]!.toLowerCase(), match[3]!.replaceAll(',', '')];
  const result = left.includes('.') || right.includes('.') || isDivision(operator) ? inDecimals(left, operator, right) : inIntegers(left, operator, right);
  return result === undefined ? undefined : `${match[1]} ${match[2]} ${match[3]} = ${result}`;
}

function inIntegers(left: string, operator: string, right: string): string {
  const [a, b] = [BigInt(left), BigInt(right)];
  if (isAddition(operator)) return String(a + b);
  if (isSubtraction(operator)) return String(a - b);
  return String(a * b);
}

function inDecimals(left: string, operator: string, right: string): string | undefined {
  const [a, b] = [Number(left), Number(right)];
  const exact = isAddition(operator) ? a + b : isSubtraction(operator) ? a - b : isDivision(operator) ? a / b : a * b;
  // Twelve digits hide what binary fractions add to 0.1 + 0.2.
  return Number.isFinite(exact) ? String(Number(exact.toPrecision(12))) : undefined;
}

function isAddition(operator: string): boolean {
  return operator === '+' || operator === 'plus';
}

function isSubtraction(operator: string): boolean {
  return operator === '-' || operator === '−' || operator === 'minus';
}

function isDivision(operator: string): boolean {
  return operator === '/' || operator === '÷' || operator === 'divided by';
}
